// The face that JavaScript sees; src/media/relay/native-addon.ts describes it.
#include <napi.h>

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "relay_thread.h"

namespace {

using namespace relay;

// Counted up with every change of what JavaScript sees.
constexpr int face = 3;
// Sessions whose counters lie in one piece of memory.
constexpr uint32_t blocksPerChunk = 64;
using Chunk = std::shared_ptr<SessionBlock[]>;

uint32_t number(const Napi::Value& value) { return value.As<Napi::Number>().Uint32Value(); }
bool truth(const Napi::Object& of, const char* name) { return of.Get(name).ToBoolean(); }
std::string text(const Napi::Value& value) { return value.As<Napi::String>().Utf8Value(); }

class Binding : public Napi::ObjectWrap<Binding> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Relay",
                       {
                           InstanceMethod<&Binding::openPair>("openPair"),
                           InstanceMethod<&Binding::canOpen>("canOpen"),
                           InstanceMethod<&Binding::closePair>("closePair"),
                           InstanceMethod<&Binding::counters>("counters"),
                           InstanceMethod<&Binding::start>("start"),
                           InstanceMethod<&Binding::update>("update"),
                           InstanceMethod<&Binding::detach>("detach"),
                           InstanceMethod<&Binding::end>("end"),
                           InstanceMethod<&Binding::settle>("settle"),
                           InstanceMethod<&Binding::catchUp>("catchUp"),
                           InstanceMethod<&Binding::send>("send"),
                           InstanceMethod<&Binding::flush>("flush"),
                           InstanceMethod<&Binding::drain>("drain"),
                           InstanceMethod<&Binding::answers>("answers"),
                           InstanceMethod<&Binding::wakeAgain>("wakeAgain"),
                           InstanceMethod<&Binding::ipText>("ipText"),
                           InstanceMethod<&Binding::advance>("advance"),
                           InstanceMethod<&Binding::close>("close"),
                       });
  }

  explicit Binding(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Binding>(info) {
    const auto options = info[0].As<Napi::Object>();
    clock_ = std::make_unique<Clock>(options.Get("now").ToNumber(), truth(options, "frozen"));
    dscp_ = options.Get("dscp").ToNumber().Int32Value();
    const auto own = options.Get("ownAddresses").As<Napi::Array>();
    for (uint32_t i = 0; i < own.Length(); i++) {
      const Address address = Address::parse(text(own.Get(i)), 0, true);
      if (address.known()) ownPorts_.add(address, true);
    }
    const ThreadOptions threadOptions{truth(options, "realTime"), number(options.Get("tapBytes")),
                                      number(options.Get("sendBytes"))};
    wake_ = Napi::ThreadSafeFunction::New(info.Env(), info[1].As<Napi::Function>(), "media relay", 0, 1);
    for (uint32_t left = number(options.Get("threads")); left > 0; left--) {
      threads_.push_back(std::make_unique<RelayThread>(*clock_, ownPorts_, threadOptions, [this] {
        if (!woken_.exchange(true)) wake_.NonBlockingCall();
      }));
      if (!Socket::prepare() || !threads_.back()->run()) {
        threads_.clear();
        wake_.Release();
        Napi::Error::New(info.Env(), "no thread, or no descriptors, for the relay").ThrowAsJavaScriptException();
        return;
      }
    }
    napi_add_env_cleanup_hook(info.Env(), atExit, this);
    running_ = true;
  }

  ~Binding() override { shut(); }

 private:
  // The environment goes: no thread may call into it any more.
  static void atExit(void* binding) { static_cast<Binding*>(binding)->halt(); }

  void halt() {
    for (auto& thread : threads_) thread->stop();
    wake_.Release();
    running_ = false;
  }

  void shut() {
    if (!running_) return;
    napi_remove_env_cleanup_hook(Env(), atExit, this);
    halt();
    for (auto& [_, pair] : pairs_) unbind(pair);
    pairs_.clear();
  }

  void unbind(const Pair& pair) {
    ownPorts_.lease(pair.port, 0);
    pair.rtp->unbind();
    pair.rtcp->unbind();
  }

  Napi::Value openPair(const Napi::CallbackInfo& info) {
    const std::string address = text(info[0]);
    const auto port = static_cast<uint16_t>(number(info[1]));
    const Address local = Address::parse(address, port, true);
    Address above = local;
    above.port++;
    Pair pair{port, 0, nullptr, nullptr, std::make_shared<PortSrtp>()};
    if (local.known()) pair.rtp = Socket::open(local, dscp_);
    if (pair.rtp) pair.rtcp = Socket::open(above, dscp_);
    if (!pair.rtcp) return Napi::Boolean::New(info.Env(), false);
    pair.local = ownPorts_.add(local, false);
    ownPorts_.lease(port, pair.local);
    pairs_[port] = std::move(pair);
    return Napi::Boolean::New(info.Env(), true);
  }

  Napi::Value canOpen(const Napi::CallbackInfo& info) {
    const Address local = Address::parse(text(info[0]), 0, true);
    return Napi::Boolean::New(info.Env(), local.known() && Socket::open(local, dscp_) != nullptr);
  }

  void closePair(const Napi::CallbackInfo& info) {
    const auto found = pairs_.find(static_cast<uint16_t>(number(info[0])));
    if (found == pairs_.end()) return;
    unbind(found->second);
    pairs_.erase(found);
  }

  SessionBlock& block(uint32_t slot) { return chunks_[slot / blocksPerChunk][slot % blocksPerChunk]; }

  // The memory of a chunk of counters, which is made where there is none yet.
  Napi::Value counters(const Napi::CallbackInfo& info) {
    const uint32_t index = number(info[0]);
    while (chunks_.size() <= index) chunks_.push_back(Chunk(new SessionBlock[blocksPerChunk]()));
    auto* const kept = new Chunk(chunks_[index]);
    return Napi::ArrayBuffer::New(info.Env(), kept->get(), blocksPerChunk * sizeof(SessionBlock),
                                  [kept](Napi::Env, void*) { delete kept; });
  }

  RelayThread& thread(const Napi::Value& index) { return *threads_[number(index)]; }

  std::unique_ptr<Order> order(Order::Kind kind, const Napi::CallbackInfo& info) {
    auto order = std::make_unique<Order>();
    order->kind = kind;
    if (info.Length() > 1) order->session = number(info[1]);
    order->at = clock_->now();
    return order;
  }

  // (thread, session, slot, number, legs, tapsRtp, tapsRtcp)
  void start(const Napi::CallbackInfo& info) {
    SessionBlock& counters = block(number(info[2]));
    for (auto& leg : counters.legs) leg.clear();
    place(Order::start, info);
  }

  void update(const Napi::CallbackInfo& info) { place(Order::update, info); }

  void place(Order::Kind kind, const Napi::CallbackInfo& info) {
    auto told = order(kind, info);
    told->block = &block(number(info[2]));
    told->number = number(info[3]);
    const auto legs = info[4].As<Napi::Array>();
    for (uint32_t leg = 0; leg < 2; leg++) read(legs.Get(leg), told->legs[leg]);
    told->tapsRtp = info[5].ToBoolean();
    told->tapsRtcp = info[6].ToBoolean();
    thread(info[0]).tell(std::move(told));
  }

  void read(const Napi::Value& value, LegOrder& leg) {
    if (!value.IsObject()) return;
    const auto object = value.As<Napi::Object>();
    leg.present = true;
    leg.arm = truth(object, "arm");
    if (const Napi::Value remote = object.Get("remote"); remote.IsString()) {
      leg.remote = {true, Address::parse(text(remote), 0), static_cast<uint16_t>(number(object.Get("port"))),
                    static_cast<uint16_t>(number(object.Get("rtcpPort")))};
    }
    const Napi::Value signalling = object.Get("signalling");
    if (signalling.IsString()) leg.signalling = Address::parse(text(signalling), 0);
    leg.rules.send = truth(object, "send");
    leg.rules.copied = truth(object, "copied");
    leg.rules.rtcpMux = truth(object, "rtcpMux");
    leg.rules.rtcpTaken = truth(object, "rtcpTaken");
    auto actions = object.Get("actions").As<Napi::Int16Array>();
    auto rates = object.Get("rates").As<Napi::Uint32Array>();
    std::copy_n(actions.Data(), 128, leg.rules.actions);
    std::copy_n(rates.Data(), 128, leg.rules.clockRates);
    if (const Napi::Value suite = object.Get("suites"); suite.IsArray()) {
      const auto suites = suite.As<Napi::Array>();
      const auto keys = object.Get("keys").As<Napi::Array>();
      leg.srtp = SrtpKeys{key(suites.Get(0u), keys.Get(0u)), key(suites.Get(1u), keys.Get(1u))};
    }
    const auto found = pairs_.find(static_cast<uint16_t>(number(object.Get("movesTo"))));
    if (found == pairs_.end()) return;
    leg.pair = found->second;
    if (truth(object, "afresh")) {
      leg.pair.rtp->discard();
      leg.pair.rtcp->discard();
    }
  }

  // Bytes beyond the length of the suite are not looked at.
  static SrtpKey key(const Napi::Value& suite, const Napi::Value& value) {
    auto bytes = value.As<Napi::Uint8Array>();
    SrtpKey key;
    key.suite = static_cast<SrtpSuite>(number(suite) & 3);
    std::copy_n(bytes.Data(), std::min(bytes.ByteLength(), srtpKeyLength(key.suite)), key.bytes.data());
    return key;
  }

  // (thread)
  void catchUp(const Napi::CallbackInfo& info) { thread(info[0]).catchUp(); }

  // (thread, session, leg)
  void detach(const Napi::CallbackInfo& info) {
    auto told = order(Order::detach, info);
    told->leg = static_cast<int>(number(info[2]) & 1);
    thread(info[0]).tell(std::move(told));
  }

  // (thread, session)
  void end(const Napi::CallbackInfo& info) { thread(info[0]).tell(order(Order::end, info)); }

  // (thread)
  void settle(const Napi::CallbackInfo& info) { thread(info[0]).tell(order(Order::settle, info)); }

  // (thread, session, kind, packet): whether there was room.
  Napi::Value send(const Napi::CallbackInfo& info) {
    auto packet = info[3].As<Napi::Uint8Array>();
    const bool taken = packet.ByteLength() <= 65'507 &&
                       thread(info[0]).inject(number(info[1]), number(info[2]), packet.Data(), packet.ByteLength());
    return Napi::Boolean::New(info.Env(), taken);
  }

  // (thread): what has been given to be sent is sent.
  void flush(const Napi::CallbackInfo& info) { thread(info[0]).nudge(); }

  // (thread, memory): how many bytes of whole records have been copied there.
  Napi::Value drain(const Napi::CallbackInfo& info) {
    auto memory = info[1].As<Napi::Uint8Array>();
    uint8_t* const to = memory.Data();
    const size_t room = memory.ByteLength();
    size_t used = 0;
    Ring& taps = thread(info[0]).taps();
    taps.read(taps.tail(), [&](const RecordHeader& header, const uint8_t* bytes) {
      const size_t size = Ring::recordSize(header.length);
      if (size > room - used) return false;
      std::memcpy(to + used, &header, sizeof header);
      std::memcpy(to + used + sizeof header, bytes, header.length);
      used += size;
      return true;
    });
    return Napi::Number::New(info.Env(), static_cast<double>(used));
  }

  // (thread): kind, session and number of each answer, one after another. From now on the next one wakes again.
  Napi::Value answers(const Napi::CallbackInfo& info) {
    woken_.exchange(false);
    const auto told = Napi::Array::New(info.Env());
    uint32_t at = 0;
    for (Order* list = thread(info[0]).answers().take(); list != nullptr;) {
      const auto answer = OrderList::pop(list);
      for (const uint32_t value : {static_cast<uint32_t>(answer->kind), answer->session, answer->number}) {
        told.Set(at++, Napi::Number::New(info.Env(), value));
      }
    }
    return told;
  }

  void wakeAgain(const Napi::CallbackInfo&) {
    if (running_ && !woken_.exchange(true)) wake_.NonBlockingCall();
  }

  // (family, scope, ip as four numbers)
  Napi::Value ipText(const Napi::CallbackInfo& info) {
    Address address;
    address.family = static_cast<uint8_t>(number(info[0]));
    address.scope = number(info[1]);
    for (int i = 0; i < 16; i++) address.ip[i] = static_cast<uint8_t>(number(info[2 + i / 4]) >> (24 - 8 * (i % 4)));
    return Napi::String::New(info.Env(), address.text());
  }

  void advance(const Napi::CallbackInfo& info) { clock_->advance(info[0].ToNumber()); }

  void close(const Napi::CallbackInfo& info) { shut(); }

  std::unique_ptr<Clock> clock_;
  int dscp_ = -1;
  OwnPorts ownPorts_;
  std::unordered_map<uint16_t, Pair> pairs_;
  std::vector<Chunk> chunks_;
  Napi::ThreadSafeFunction wake_;
  std::atomic<bool> woken_{false};
  std::vector<std::unique_ptr<RelayThread>> threads_;
  bool running_ = false;
};

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("Relay", Binding::define(env));
  exports.Set("face", Napi::Number::New(env, face));
  exports.Set("counterChunk", Napi::Number::New(env, blocksPerChunk));
  return exports;
}

}  // namespace

NODE_API_MODULE(relay, init)
