#include <napi.h>

namespace {

Napi::Object init(Napi::Env env, Napi::Object exports) { return exports; }

}  // namespace

NODE_API_MODULE(relay, init)
