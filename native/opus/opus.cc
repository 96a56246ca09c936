// libopus for JavaScript: mono, 16-bit samples; src/codec/opus-library.ts describes the face. Errors of libopus come back
// as its negative numbers.
#include <napi.h>
#include <opus/opus.h>

#include <algorithm>
#include <memory>

namespace {

template <typename State, void (*destroy)(State*)>
struct Destroy {
  void operator()(State* state) const { destroy(state); }
};
using EncoderState = std::unique_ptr<OpusEncoder, Destroy<OpusEncoder, opus_encoder_destroy>>;
using DecoderState = std::unique_ptr<OpusDecoder, Destroy<OpusDecoder, opus_decoder_destroy>>;

// Counts the changes of the face; src/codec/opus-library.ts takes no other.
constexpr int face = 1;

Napi::Value number(Napi::Env env, int32_t value) { return Napi::Number::New(env, value); }

class Encoder : public Napi::ObjectWrap<Encoder> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Encoder",
                       {
                           InstanceMethod<&Encoder::encode>("encode"),
                           InstanceMethod<&Encoder::ctl>("ctl"),
                           InstanceMethod<&Encoder::free>("free"),
                       });
  }

  // sampleRate
  explicit Encoder(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Encoder>(info) {
    int error = OPUS_OK;
    const int rate = info[0].As<Napi::Number>().Int32Value();
    state_.reset(opus_encoder_create(rate, 1, OPUS_APPLICATION_VOIP, &error));
    if (!state_) {
      Napi::RangeError::New(info.Env(), opus_strerror(error)).ThrowAsJavaScriptException();
      return;
    }
    Napi::MemoryManagement::AdjustExternalMemory(info.Env(), opus_encoder_get_size(1));
  }

 private:
  // samples, into → bytes written
  Napi::Value encode(const Napi::CallbackInfo& info) {
    const auto samples = info[0].As<Napi::Int16Array>();
    auto into = info[1].As<Napi::Uint8Array>();
    if (!state_) return number(info.Env(), OPUS_INVALID_STATE);
    return number(info.Env(), opus_encode(state_.get(), samples.Data(), static_cast<int>(samples.ElementLength()),
                                          into.Data(), static_cast<opus_int32>(into.ElementLength())));
  }

  // request, value → 0
  Napi::Value ctl(const Napi::CallbackInfo& info) {
    if (!state_) return number(info.Env(), OPUS_INVALID_STATE);
    const int request = info[0].As<Napi::Number>().Int32Value();
    // Only what sets a number: other requests would take it for an address.
    if (request % 2 != 0 || request < OPUS_SET_APPLICATION_REQUEST ||
        request > OPUS_SET_PHASE_INVERSION_DISABLED_REQUEST) {
      return number(info.Env(), OPUS_BAD_ARG);
    }
    return number(info.Env(), opus_encoder_ctl(state_.get(), request, info[1].As<Napi::Number>().Int32Value()));
  }

  void free(const Napi::CallbackInfo& info) {
    if (state_) Napi::MemoryManagement::AdjustExternalMemory(info.Env(), -int64_t{opus_encoder_get_size(1)});
    state_.reset();
  }

  EncoderState state_;
};

class Decoder : public Napi::ObjectWrap<Decoder> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Decoder",
                       {
                           InstanceMethod<&Decoder::decode>("decode"),
                           InstanceMethod<&Decoder::conceal>("conceal"),
                           InstanceMethod<&Decoder::recover>("recover"),
                           InstanceMethod<&Decoder::free>("free"),
                       });
  }

  // sampleRate
  explicit Decoder(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Decoder>(info) {
    int error = OPUS_OK;
    rate_ = info[0].As<Napi::Number>().Int32Value();
    state_.reset(opus_decoder_create(rate_, 1, &error));
    if (!state_) {
      Napi::RangeError::New(info.Env(), opus_strerror(error)).ThrowAsJavaScriptException();
      return;
    }
    Napi::MemoryManagement::AdjustExternalMemory(info.Env(), opus_decoder_get_size(1));
  }

 private:
  // payload, into → samples written
  Napi::Value decode(const Napi::CallbackInfo& info) {
    const auto payload = info[0].As<Napi::Uint8Array>();
    return number(info.Env(), decoded(payload.Data(), payload.ElementLength(), info[1].As<Napi::Int16Array>(), 0));
  }

  // into, whose whole length is made up → samples written
  Napi::Value conceal(const Napi::CallbackInfo& info) {
    return number(info.Env(), decoded(nullptr, 0, info[0].As<Napi::Int16Array>(), 0));
  }

  // payload of the packet after the lost one, into, whose whole length is filled → samples written, 0: no redundancy
  Napi::Value recover(const Napi::CallbackInfo& info) {
    const auto payload = info[0].As<Napi::Uint8Array>();
    if (!redundant(payload.Data(), payload.ElementLength())) return number(info.Env(), 0);
    return number(info.Env(), decoded(payload.Data(), payload.ElementLength(), info[1].As<Napi::Int16Array>(), 1));
  }

  void free(const Napi::CallbackInfo& info) {
    if (state_) Napi::MemoryManagement::AdjustExternalMemory(info.Env(), -int64_t{opus_decoder_get_size(1)});
    state_.reset();
  }

  int decoded(const uint8_t* payload, size_t length, Napi::Int16Array into, int redundancy) {
    if (!state_) return OPUS_INVALID_STATE;
    // libopus takes a payload of no bytes for a lost one.
    if (payload != nullptr && length == 0) return OPUS_INVALID_PACKET;
    return opus_decode(state_.get(), payload, static_cast<opus_int32>(length), into.Data(),
                       static_cast<int>(into.ElementLength()), redundancy);
  }

  // Whether the first frame says that it holds a copy of the one before: a bit behind those that tell of voice, one for
  // each 20 ms and channel (RFC 6716 §4.2.3, §4.2.4).
  bool redundant(const uint8_t* payload, size_t length) const {
    if (length < 2 || (payload[0] & 0x80) != 0) return false;
    const uint8_t* frames[48];
    opus_int16 sizes[48];
    if (opus_packet_parse(payload, static_cast<opus_int32>(length), nullptr, frames, sizes, nullptr) <= 0) return false;
    if (sizes[0] == 0) return false;
    const int parts = std::max(1, opus_packet_get_samples_per_frame(payload, rate_) * 50 / rate_);
    const bool middle = (frames[0][0] >> (7 - parts) & 1) != 0;
    if (opus_packet_get_nb_channels(payload) == 1) return middle;
    return middle || (frames[0][0] >> (6 - 2 * parts) & 1) != 0;
  }

  DecoderState state_;
  int rate_ = 0;
};

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("face", Napi::Number::New(env, face));
  exports.Set("Encoder", Encoder::define(env));
  exports.Set("Decoder", Decoder::define(env));
  return exports;
}

}  // namespace

NODE_API_MODULE(opus, init)
