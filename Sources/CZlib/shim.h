// zlib (Debian: zlib1g-dev): a Tencent UserSig is a zlib stream.
#include <zlib.h>
