#include "../../medrepro_host.h"
