// The same source as C++.
#include "passing.c"
