// The archive of Debian is compiled for executables: it expects `stderr`, where it writes before it gives up, in the
// same module, and could not be linked into a shared object without this one.
#include <dlfcn.h>

extern "C" {
__attribute__((visibility("hidden"))) void* ownStderr __asm__("stderr") = nullptr;
}

__attribute__((constructor)) static void find() {
  if (void** real = static_cast<void**>(dlsym(RTLD_DEFAULT, "stderr"))) ownStderr = *real;
}
