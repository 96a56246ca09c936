// Drives the relay with whatever may come over the network, and from all sides at once; to be built with sanitizers, by
// `npm run test:native`. Each part takes its randomness from a seed, which is told.
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "../src/relay_thread.h"
#include "../src/rtp.h"

namespace {

using namespace relay;

void check(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

class Random {
 public:
  explicit Random(uint32_t seed) : engine_(seed) {}
  uint32_t below(uint32_t limit) { return std::uniform_int_distribution<uint32_t>(0, limit - 1)(engine_); }
  bool oneIn(uint32_t count) { return below(count) == 0; }

 private:
  std::mt19937 engine_;
};

constexpr uint16_t firstPort = 40'000;

Address loopback(uint16_t port) { return Address::parse("127.0.0.1", port); }

Pair openPair(OwnPorts& ownPorts, uint16_t from) {
  for (uint32_t port = from; port < 60'000; port += 2) {
    Pair pair{static_cast<uint16_t>(port), 0, Socket::open(loopback(port), 46), Socket::open(loopback(port + 1), 46),
              std::make_shared<PortSrtp>()};
    if (!pair.rtp || !pair.rtcp) continue;
    pair.local = ownPorts.add(loopback(0), false);
    ownPorts.lease(pair.port, pair.local);
    return pair;
  }
  check(false, "a port is free");
  return {};
}

LegRules randomRules(Random& random) {
  LegRules rules{};
  rules.send = !random.oneIn(8);
  rules.copied = random.oneIn(3);
  rules.rtcpMux = random.oneIn(2);
  rules.rtcpTaken = random.oneIn(4);
  for (int type = 0; type < 128; type++) {
    rules.actions[type] = static_cast<int16_t>(random.below(128));
    if (random.oneIn(2)) rules.actions[type] = random.oneIn(3) ? takenType : unmappedType;
    rules.clockRates[type] = random.oneIn(2) ? 8000 : 48'000;
  }
  return rules;
}

SrtpKeys randomKeys(Random& random) {
  SrtpKeys keys;
  for (SrtpKey* key : {&keys.receive, &keys.send}) {
    key->suite = static_cast<SrtpSuite>(random.below(4));
    for (auto& byte : key->bytes) byte = static_cast<uint8_t>(random.below(4));
    std::fill(key->bytes.begin() + srtpKeyLength(key->suite), key->bytes.end(), uint8_t{0});
  }
  return keys;
}

// RTP or RTCP, for the most part as it ought to be.
std::vector<uint8_t> randomPacket(Random& random, uint16_t& sequence) {
  std::vector<uint8_t> packet(random.oneIn(50) ? random.below(2000) : 12 + random.below(180));
  for (auto& byte : packet) byte = static_cast<uint8_t>(random.below(256));
  if (packet.size() < 12) return packet;
  sequence = static_cast<uint16_t>(random.oneIn(10) ? random.below(65'536) : sequence + 1);
  packet[0] = 0x80;
  packet[1] = static_cast<uint8_t>(random.below(128));
  packet[2] = static_cast<uint8_t>(sequence >> 8);
  packet[3] = static_cast<uint8_t>(sequence);
  for (size_t i = 8; i < 12; i++) packet[i] = static_cast<uint8_t>(random.oneIn(20) ? random.below(256) : 7);
  if (random.oneIn(4)) {
    packet[1] = static_cast<uint8_t>(192 + random.below(32));
    const size_t words = packet.size() / 4 - 1;
    packet[2] = static_cast<uint8_t>(words >> 8);
    packet[3] = static_cast<uint8_t>(words);
  }
  return packet;
}

void mutate(Random& random, std::vector<uint8_t>& packet) {
  if (random.oneIn(3)) packet.resize(random.below(static_cast<uint32_t>(packet.size()) + 40));
  for (uint32_t left = random.below(4); left > 0 && !packet.empty(); left--) {
    const auto head = std::min<uint32_t>(static_cast<uint32_t>(packet.size()), 24);
    packet[random.below(head)] = static_cast<uint8_t>(random.below(256));
  }
}

// What a leg has been given is counted, each packet once.
[[maybe_unused]] void fuzzPacketPath(Random& random, int rounds) {
  OwnPorts ownPorts;
  Ring taps(1 << 16);
  Surroundings surroundings{ownPorts, taps};
  std::vector<Pair> pairs{openPair(ownPorts, firstPort), openPair(ownPorts, firstPort + 100)};
  for (int round = 0; round < rounds; round++) {
    SessionBlock block{};
    for (auto& leg : block.legs) leg.clear();
    Leg legs[2]{Leg(surroundings, block.legs[0], 1, 0), Leg(surroundings, block.legs[1], 1, 1)};
    legs[0].connect(legs[1]);
    legs[1].connect(legs[0]);
    SrtpKeys keys[2];
    SrtpSender* phones[2] = {};
    std::vector<std::unique_ptr<SrtpSender>> senders;
    for (size_t i = 0; i < 2; i++) {
      legs[i].listen(true, true);
      legs[i].moveTo(pairs[i]);
      legs[i].follow(randomRules(random));
      legs[i].arm({true, loopback(0), static_cast<uint16_t>(9 + random.below(2)), 0}, loopback(0), 0);
      keys[i] = randomKeys(random);
      if (random.oneIn(2)) continue;
      legs[i].protect(&keys[i]);
      phones[i] = senders.emplace_back(std::make_unique<SrtpSender>(keys[i].receive)).get();
    }
    double now = 0;
    uint16_t sequence = static_cast<uint16_t>(random.below(65'536));
    double given[2] = {};
    double silent[2] = {};
    for (int step = 0; step < 200; step++) {
      const size_t to = random.below(2);
      std::vector<uint8_t> packet = randomPacket(random, sequence);
      const bool rtcp = packet.size() > 1 && packet[1] >= 192;
      size_t size = packet.size();
      packet.resize(size + srtpGrowth);
      if (phones[to] != nullptr && !random.oneIn(4)) {
        const size_t sent =
            rtcp ? phones[to]->protectRtcp(packet.data(), size) : phones[to]->protectRtp(packet.data(), size);
        if (sent > 0) size = sent;
      }
      packet.resize(size);
      if (random.oneIn(3)) mutate(random, packet);
      size = packet.size();
      // Just as much room as is promised, so that what writes beyond it is found.
      std::vector<uint8_t> memory(size + srtpGrowth);
      std::copy(packet.begin(), packet.end(), memory.begin());
      const auto port = static_cast<uint16_t>(9 + random.below(2));
      const Address from = random.oneIn(10) ? Address::parse("10.0.0.1", port) : loopback(port);
      given[to]++;
      if (size == 0 || packet[0] < 4) silent[to]++;
      now += random.oneIn(50) ? 4000 : 20;
      if (rtcp && random.oneIn(2)) {
        legs[to].onRtcpPort(memory.data(), size, from, now);
      } else {
        legs[to].onRtpPort(memory.data(), size, from, now);
      }
      if (random.oneIn(40)) legs[to].follow(randomRules(random));
      if (random.oneIn(60)) legs[to].arm({true, loopback(0), 9, 10}, loopback(0), now);
      if (random.oneIn(80)) legs[to].vacate(now), legs[to].follow(randomRules(random));
    }
    for (size_t i = 0; i < 2; i++) {
      double counted = silent[i];
      for (const Counter counter :
           {packetsReceived, rtcpReceived, strangers, malformed, authenticationFailures, replayed}) {
        counted += block.legs[i].get(counter);
      }
      check(counted == given[i], "each packet is counted once");
      check(block.legs[i].get(packetsLost) >= 0, "losses are not negative");
      legs[i].moveTo({});
    }
    taps.read(taps.tail(), [](const RecordHeader& header, const uint8_t*) {
      check(header.session == 1 && header.kind < 4 && header.length < 4096, "what is tapped is whole");
      return true;
    });
  }
}

// What one side of the ring writes the other reads, in order, while both are at it.
void stressRing() {
  Ring ring(4096);
  constexpr uint32_t count = 200'000;
  std::thread writer([&] {
    uint8_t bytes[300];
    for (uint32_t i = 0; i < count; i++) {
      const size_t length = i % sizeof bytes;
      std::memset(bytes, static_cast<int>(i & 0xff), length);
      while (!ring.push(i, 0, i, bytes, length)) std::this_thread::yield();
    }
  });
  for (uint32_t next = 0; next < count;) {
    ring.read(ring.tail(), [&](const RecordHeader& header, const uint8_t* bytes) {
      check(header.session == next && header.length == next % 300, "records come in order");
      for (uint32_t i = 0; i < header.length; i++) check(bytes[i] == (next & 0xff), "and whole");
      next++;
      return true;
    });
  }
  writer.join();
}

// Sessions come, change and go, while packets come from everywhere and somebody reads the counters.
void stressThreads(Random& random, int rounds) {
  constexpr uint32_t sessionCount = 16;
  const Clock clock(0, false);
  OwnPorts ownPorts;
  std::vector<std::unique_ptr<RelayThread>> threads;
  for (int i = 0; i < 2; i++) {
    threads.push_back(std::make_unique<RelayThread>(clock, ownPorts, ThreadOptions{true, 4096, 4096}, [] {}));
    check(threads.back()->run(), "a thread has what it needs");
  }

  std::vector<Pair> pairs;
  for (uint32_t i = 0; i < 2 * sessionCount; i++) {
    pairs.push_back(openPair(ownPorts, pairs.empty() ? firstPort : static_cast<uint16_t>(pairs.back().port + 2)));
  }
  std::atomic<bool> over{false};
  std::vector<std::thread> senders;
  for (uint32_t i = 0; i < 2; i++) {
    senders.emplace_back([&, seed = random.below(1'000'000)] {
      Random own(seed);
      const auto socket = Socket::open(loopback(0), -1);
      uint16_t sequence = 0;
      while (!over.load()) {
        const auto packet = randomPacket(own, sequence);
        sockaddr_storage to;
        const auto port = static_cast<uint16_t>(firstPort + own.below(4 * sessionCount + 20));
        const auto length = loopback(port).toSockaddr(to);
        sendto(socket->fd(), packet.data(), packet.size(), 0, reinterpret_cast<sockaddr*>(&to), length);
      }
    });
  }

  struct Running {
    uint32_t number = 0;
    bool ending = false;
    bool lost = false;
  };
  std::vector<SessionBlock> blocks(sessionCount);
  std::vector<Running> running(sessionCount);
  uint32_t numbers = 0;
  uint32_t started = 0;
  uint32_t ended = 0;
  const auto threadOf = [&](uint32_t slot) -> RelayThread& { return *threads[slot % 2]; };
  const auto orderFor = [&](Order::Kind kind, uint32_t slot) {
    auto order = std::make_unique<Order>();
    order->kind = kind;
    order->session = running[slot].number;
    order->number = ++numbers;
    order->at = clock.now();
    order->block = &blocks[slot];
    order->tapsRtp = order->tapsRtcp = random.oneIn(2);
    const bool moves = kind == Order::start || running[slot].lost || random.oneIn(4);
    const bool swapped = random.oneIn(2);
    for (uint32_t i = 0; i < 2; i++) {
      LegOrder& leg = order->legs[i];
      leg.present = i == 0 || !random.oneIn(6);
      leg.arm = random.oneIn(2);
      leg.remote = {true, loopback(0), static_cast<uint16_t>(9), 10};
      leg.signalling = loopback(0);
      leg.rules = randomRules(random);
      if (random.oneIn(2)) leg.srtp = randomKeys(random);
      if (moves) leg.pair = pairs[2 * slot + (swapped ? 1 - i : i)];
    }
    if (moves) running[slot].lost = false;
    return order;
  };
  std::vector<uint8_t> injected(200, 0x80);
  const auto hear = [&] {
    for (auto& thread : threads) {
      thread->taps().read(thread->taps().tail(), [](const RecordHeader&, const uint8_t*) { return true; });
      for (Order* list = thread->answers().take(); list != nullptr;) {
        const auto answer = OrderList::pop(list);
        if (answer->kind != Order::end) continue;
        ended++;
        for (auto& session : running) {
          if (session.number == answer->session) session = {};
        }
      }
    }
  };
  for (int round = 0; round < rounds; round++) {
    const uint32_t slot = random.below(sessionCount);
    Running& session = running[slot];
    if (session.number == 0) {
      for (auto& leg : blocks[slot].legs) leg.clear();
      session.number = ++started;
      threadOf(slot).tell(orderFor(Order::start, slot));
    } else if (!session.ending) {
      const uint32_t what = random.below(8);
      if (what < 3) {
        threadOf(slot).tell(orderFor(Order::update, slot));
      } else if (what < 5) {
        threadOf(slot).inject(session.number, random.below(4), injected.data(), injected.size());
        if (random.oneIn(2)) threadOf(slot).nudge();
      } else if (what == 5) {
        // The pair is closed, its number used again at once.
        Pair& pair = pairs[2 * slot + random.below(2)];
        ownPorts.lease(pair.port, 0);
        pair.rtp->unbind();
        pair.rtcp->unbind();
        auto order = orderFor(Order::detach, slot);
        order->leg = static_cast<int>(random.below(2));
        threadOf(slot).tell(std::move(order));
        pair = openPair(ownPorts, pair.port);
        session.lost = true;
      } else if (what == 6) {
        threadOf(slot).catchUp();
      } else {
        session.ending = true;
        threadOf(slot).tell(orderFor(Order::end, slot));
      }
    }
    for (auto& leg : blocks[slot].legs) check(leg.get(packetsSent) >= 0, "counters are sound while they are written");
    if (random.oneIn(16)) hear();
    if (random.oneIn(64)) usleep(200);
  }
  for (uint32_t slot = 0; slot < sessionCount; slot++) {
    if (running[slot].number != 0 && !running[slot].ending) threadOf(slot).tell(orderFor(Order::end, slot));
  }
  for (auto& thread : threads) thread->stop();
  over.store(true);
  for (auto& sender : senders) sender.join();
  hear();
  check(ended == started, "every session that was started has ended");
}

// A descriptor is nobody else's while a thread may still use it, and the port is free at once.
void unboundSocketsLeadNowhere() {
  auto socket = Socket::open(loopback(0), 46);
  int mark = 0;
  socklen_t length = sizeof mark;
  check(getsockopt(socket->fd(), IPPROTO_IP, IP_TOS, &mark, &length) == 0 && mark == 46 << 2, "packets are marked");
  sockaddr_storage bound;
  length = sizeof bound;
  getsockname(socket->fd(), reinterpret_cast<sockaddr*>(&bound), &length);
  const Address local = Address::from(bound);
  check(Socket::open(local, -1) == nullptr, "the port is taken");
  socket->unbind();
  const auto again = Socket::open(local, -1);
  check(again != nullptr && again->fd() != socket->fd(), "the port is free, the descriptor is not");
  check(sendto(socket->fd(), "x", 1, 0, reinterpret_cast<sockaddr*>(&bound), length) < 0, "nothing is sent from it");
}

// A port is given back though the process has no descriptor left.
void unbindsWithoutDescriptors() {
  check(Socket::prepare(), "what leads nowhere is open");
  auto socket = Socket::open(loopback(0), -1);
  sockaddr_storage bound;
  socklen_t length = sizeof bound;
  getsockname(socket->fd(), reinterpret_cast<sockaddr*>(&bound), &length);
  rlimit before;
  getrlimit(RLIMIT_NOFILE, &before);
  const rlimit none{static_cast<rlim_t>(socket->fd()) + 1, before.rlim_max};
  setrlimit(RLIMIT_NOFILE, &none);
  check(Socket::open(loopback(0), -1) == nullptr, "there is no descriptor left");
  socket->unbind();
  setrlimit(RLIMIT_NOFILE, &before);
  check(Socket::open(Address::from(bound), -1) != nullptr, "the port is free");
}

// Where the system has no thread or no descriptors to give, that is told.
void startsOrSaysThatItCannot() {
  const Clock clock(0, false);
  OwnPorts ownPorts;
  const auto runs = [&] { return RelayThread(clock, ownPorts, ThreadOptions{}, [] {}).run(); };
  check(runs(), "a thread starts, and ends");
  pthread_attr_t before;
  pthread_attr_t huge;
  pthread_getattr_default_np(&before);
  pthread_attr_init(&huge);
  pthread_attr_setstacksize(&huge, size_t{1} << 47);
  pthread_setattr_default_np(&huge);
  check(!runs(), "no thread can have such a stack");
  pthread_setattr_default_np(&before);
  rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  const rlimit none{3, limit.rlim_max};
  setrlimit(RLIMIT_NOFILE, &none);
  check(!runs(), "no thread can do without descriptors");
  setrlimit(RLIMIT_NOFILE, &limit);
}

// A port that is given back before the thread has heard of it is nothing to complain of, nor is the like of it harmful.
void obeysOrdersForPortsThatAreGone() {
  const Clock clock(0, false);
  OwnPorts ownPorts;
  RelayThread thread(clock, ownPorts, ThreadOptions{}, [] {});
  check(thread.run(), "a thread starts");
  SessionBlock block{};
  const Pair pair = openPair(ownPorts, firstPort);
  pair.rtp->unbind();
  pair.rtcp->unbind();
  auto start = std::make_unique<Order>();
  start->kind = Order::start;
  start->session = 1;
  start->block = &block;
  start->legs[0].present = true;
  start->legs[0].pair = pair;
  thread.tell(std::move(start));
  auto end = std::make_unique<Order>();
  end->kind = Order::end;
  end->session = 1;
  thread.tell(std::move(end));
  thread.stop();
  Order* list = thread.answers().take();
  const auto answer = OrderList::pop(list);
  check(answer && answer->kind == Order::end && list == nullptr, "nothing but the end is answered");
}

// A thread that has the core for itself gives its priority back, and does not take it again before it has calmed down.
void overloadEndsRealTime() {
  constexpr int64_t second = LoadWatch::second;
  using Advice = LoadWatch::Advice;
  LoadWatch watch;
  watch.begin(0, 0, 0);
  check(!watch.due(second - 1) && watch.due(second), "it is looked at once a second");
  int64_t used = second * 8 / 10;
  int64_t queued = 0;
  check(watch.look(second, used, queued, true) == Advice::nothing, "a busy thread keeps its priority");
  used += second * 19 / 20;
  check(watch.look(2 * second, used, queued, true) == Advice::giveBack, "an overloaded one does not");
  used += second / 10;
  check(watch.look(3 * second, used, queued, false) == Advice::nothing, "nor has it back at once");
  used += 8 * second;
  check(watch.look(12 * second, used, queued, false) == Advice::nothing, "nor while it is still busy");
  used += second / 2;
  check(watch.look(13 * second, used, queued += second / 3, false) == Advice::takeAgain, "but when it has calmed down");
  used += second / 2;
  check(watch.look(14 * second, used, queued += second / 3, true) == Advice::nothing, "it may have to wait for its like");
  used += second * 6 / 10;
  check(watch.look(15 * second, used, queued += second / 3, true) == Advice::giveBack, "but not if they take every core");
}

// Opens what the peer has protected, and nothing else.
[[maybe_unused]] void srtpRoundTrips(Random& random, int rounds) {
  for (int round = 0; round < rounds; round++) {
    const SrtpKeys keys = randomKeys(random);
    SrtpSender sender(keys.send);
    SrtpReceiver receiver(keys.send, nullptr);
    uint16_t sequence = static_cast<uint16_t>(random.below(65'536));
    for (int step = 0; step < 40; step++) {
      std::vector<uint8_t> packet(random.below(300) + 12);
      for (auto& byte : packet) byte = static_cast<uint8_t>(random.below(256));
      packet[0] = 0x80;
      packet[2] = static_cast<uint8_t>(++sequence >> 8);
      packet[3] = static_cast<uint8_t>(sequence);
      for (size_t i = 8; i < 12; i++) packet[i] = 1;
      const bool rtcp = random.oneIn(2);
      std::vector<uint8_t> sent(packet.size() + srtpGrowth);
      std::copy(packet.begin(), packet.end(), sent.begin());
      size_t size = packet.size();
      size = rtcp ? sender.protectRtcp(sent.data(), size) : sender.protectRtp(sent.data(), size);
      const auto opened = [&](std::vector<uint8_t>& bytes, size_t& length) {
        return rtcp ? receiver.unprotectRtcp(bytes.data(), length) : receiver.unprotectRtp(bytes.data(), length);
      };
      check(size > packet.size() && size <= sent.size(), "it grows as far as it may");
      std::vector<uint8_t> altered(sent.begin(), sent.begin() + static_cast<long>(size));
      altered[size - 1 - random.below(static_cast<uint32_t>(size) - 12)] ^= 1;
      size_t alteredSize = size;
      check(opened(altered, alteredSize) != Opened::genuine, "what is altered is not opened");
      std::vector<uint8_t> twice(sent.begin(), sent.begin() + static_cast<long>(size));
      size_t twiceSize = size;
      check(opened(sent, size) == Opened::genuine, "what is genuine is opened");
      check(size == packet.size() && std::equal(packet.begin(), packet.end(), sent.begin()), "and is what it was");
      check(opened(twice, twiceSize) == Opened::replayed, "once");
    }
  }
}

}  // namespace

int main(int count, char** arguments) {
  const auto seed =
      count > 1 ? static_cast<uint32_t>(std::strtoul(arguments[1], nullptr, 10)) : uint32_t{std::random_device{}()};
  std::printf("seed %u\n", seed);
  std::fflush(stdout);
  Random random(seed);
  unbindsWithoutDescriptors();
  unboundSocketsLeadNowhere();
  startsOrSaysThatItCannot();
  obeysOrdersForPortsThatAreGone();
  overloadEndsRealTime();
  // One thread alone has no races: there, the sanitizer for threads has nothing to say.
#ifndef __SANITIZE_THREAD__
  srtpRoundTrips(random, 60);
  fuzzPacketPath(random, 400);
#endif
  stressRing();
  stressThreads(random, 10'000);
  std::puts("all holds");
}
