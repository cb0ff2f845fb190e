// zlib (Debian: zlib1g-dev): a Tencent UserSig is a zlib stream.
#include <zlib.h>

// inflateInit and deflateInit are macros, which Swift does not see.
static inline int pushgate_inflate_init(z_streamp stream) { return inflateInit(stream); }
static inline int pushgate_deflate_init(z_streamp stream, int level) { return deflateInit(stream, level); }
