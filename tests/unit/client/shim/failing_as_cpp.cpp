// The same source as C++: there, checks end a test by an exception.
#include "failing.c"
