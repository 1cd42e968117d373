// What cmocka_shim.cpp needs of the queues in cmocka_mocks.cpp.
#pragma once

namespace cmocka_shim {

// Reports what a test queued and did not use as failures, if `report`, and forgets everything.
void finish_mocks(bool report);

}  // namespace cmocka_shim
