// Phones for the media bench: N calls, both ends of each send a G.711 packet each 20 ms to where they are told, and
// check what comes back: sequence, losses, repetitions, content, and how long each packet has been under way. Where a
// side has a sound of its own to send, in whatever codec, the other side can only count what it hears.
//
// Talks by lines. Says {"event":"ready",...} with its ports; reads, for each call, "call" and for each of its two ends
// "ADDRESS PORT SENDKEY RECEIVEKEY" (SRTP keys in hexadecimal or "-"); "watch PID" for each process whose CPU time is
// wanted; "go". Says {"event":"progress",...} where asked to, and {"event":"result",...} at last.
#include <algorithm>
#include <iostream>
#include <random>
#include <sstream>
#include <vector>

#include "crypt.hpp"
#include "histogram.hpp"
#include "sound.hpp"
#include "system.hpp"

namespace {

constexpr int kHeader = 12;
constexpr int kAudio = 160;
constexpr int kPacket = kHeader + kAudio;
constexpr int kLargest = kHeader + kLargestFrame;
constexpr int64_t kPeriod = 20'000'000;  // ns between two packets of one end
constexpr int kBatch = 64;
constexpr uint32_t kMark = 0x53504258;

// The audio of a packet begins with this; the rest is filled with a pattern.
struct Stamp {
  int64_t sentAt;  // CLOCK_REALTIME, as the kernel's time of receipt
  uint32_t mark;
  uint32_t end;
  uint32_t number;
};

struct Options {
  int calls = 1;
  int sockets = 8;
  int tickMicros = 100;
  double warmup = 1;
  double seconds = 3;
  double report = 0;
  std::string addresses[2] = {"127.0.0.1", "127.0.0.1"};
  std::string sounds[2];  // files of encoded sound, for both sides or for none
  int types[2] = {0, 0};
  int steps[2] = {kAudio, kAudio};  // of the timestamp, for each packet
  std::string namespaceOfB;         // a network namespace for the second ends; needs root
};

struct End {
  int fd = -1;
  sockaddr_in target{};
  Crypt outbound;
  Crypt inbound;
  uint32_t sent = 0;
  // Of what the other end sent, from its first packet on: which have come.
  std::vector<uint64_t> seen;
  uint32_t highest = 0;
};

struct Counts {
  uint64_t sent = 0;
  uint64_t received = 0;
  uint64_t duplicates = 0;
  uint64_t reordered = 0;
};

class Generator {
 public:
  explicit Generator(const Options& options) : options_(options), ends_(2 * static_cast<size_t>(options.calls)) {
    for (int side : {0, 1}) {
      if (side == 1 && !options.namespaceOfB.empty()) enterNamespace(options.namespaceOfB);
      for (int i = 0; i < options.sockets; i++) sockets_[side].push_back(openSocket(options.addresses[side]));
    }
    double all = options.warmup + options.seconds + 1;
    packetsEach_ = static_cast<uint32_t>(all * 1e9 / kPeriod) + 2;
    for (int side : {0, 1}) {
      if (!options.sounds[side].empty()) sounds_[side] = readSound(options.sounds[side]);
    }
    for (size_t i = 0; i < ends_.size(); i++) {
      ends_[i].fd = sockets_[i & 1][(i >> 1) % static_cast<size_t>(options.sockets)];
      ends_[i].seen.resize(packetsEach_ / 64 + 1);
    }
    for (int i = 0; i < kAudio; i++) pattern_[i] = static_cast<uint8_t>(i * 7 + 1);
    realtime_ = becomePunctual();
  }

  void sayReady() const {
    std::ostringstream out;
    out << "{\"event\":\"ready\",\"srtp\":" << (WITH_SRTP ? "true" : "false")
        << ",\"realtime\":" << (realtime_ ? "true" : "false") << ",\"ports\":[";
    for (int side : {0, 1}) {
      out << (side ? ",[" : "[");
      for (int i = 0; i < options_.calls; i++) out << (i ? "," : "") << portOf(end(i, side).fd);
      out << "]";
    }
    out << "]}\n";
    std::cout << out.str() << std::flush;
  }

  // False where there is nothing to do any more.
  bool readOrders() {
    std::string line, word;
    int call = 0;
    while (std::getline(std::cin, line)) {
      std::istringstream words(line);
      words >> word;
      if (word == "call") {
        if (call == options_.calls) return complain("more calls than were asked for");
        for (int side : {0, 1}) {
          std::string address, sendKey, receiveKey;
          int port = 0;
          words >> address >> port >> sendKey >> receiveKey;
          if (!words) return complain(line);
          End& phone = end(call, side);
          phone.target = addressOf(address, port);
          phone.outbound.open(sendKey);
          phone.inbound.open(receiveKey);
        }
        call++;
      } else if (word == "watch") {
        pid_t pid = 0;
        words >> pid;
        watched_.push_back({pid, -1, -1});
      } else if (word == "go") {
        return call == options_.calls || complain("fewer calls than were asked for");
      } else {
        return complain(line);
      }
    }
    return false;
  }

  void run() {
    // In an order of chance, always the same, so that what comes after each other is not one call's.
    std::vector<uint32_t> order(ends_.size());
    for (size_t i = 0; i < order.size(); i++) order[i] = static_cast<uint32_t>(i);
    std::shuffle(order.begin(), order.end(), std::mt19937(1));

    const int64_t start = nanoseconds(CLOCK_MONOTONIC) + 10'000'000;
    const int64_t measureFrom = start + static_cast<int64_t>(options_.warmup * 1e9);
    const int64_t until = measureFrom + static_cast<int64_t>(options_.seconds * 1e9);
    const int64_t tick = options_.tickMicros * 1000LL;
    const int64_t reportEach = static_cast<int64_t>(options_.report * 1e9);
    int64_t nextReport = measureFrom + reportEach;
    int64_t nextRead = start;
    uint64_t next = 0;
    const double gap = static_cast<double>(kPeriod) / static_cast<double>(ends_.size());
    bool measuring = false;

    int64_t now = start;
    for (int64_t wake = start; now < until; wake = std::max(wake + tick, now)) {
      sleepUntil(wake);
      now = nanoseconds(CLOCK_MONOTONIC);
      if (!measuring && now >= measureFrom) {
        measuring = true;
        beginMeasuring();
      }
      for (;;) {
        const int64_t due = start + static_cast<int64_t>(static_cast<double>(next) * gap);
        // What is due beyond the end is not sent even where we are late.
        if (due > now || due >= until) break;
        send(order[next % order.size()]);
        next++;
        if (measuring) lateness_.add(now - due);
        if ((next & 15) == 0) now = nanoseconds(CLOCK_MONOTONIC);
        if (now >= nextRead) break;
      }
      if (now >= nextRead) {
        receive();
        nextRead = now + 1'000'000;
      }
      if (reportEach > 0 && now >= nextReport) {
        nextReport += reportEach;
        std::cout << "{\"event\":\"progress\"," << counts() << "}\n" << std::flush;
      }
    }
    endMeasuring();
    for (int i = 0; i < 50; i++) {
      sleepUntil(nanoseconds(CLOCK_MONOTONIC) + 10'000'000);
      receive();
    }
  }

  void sayResult() {
    uint64_t ownDrops = 0;
    for (const auto& side : sockets_) {
      for (int fd : side) ownDrops += dropsOf(fd);
    }
    std::ostringstream out;
    out << "{\"event\":\"result\"," << counts() << ",\"duplicates\":" << measured_.duplicates
        << ",\"reordered\":" << measured_.reordered << ",\"wrong\":" << wrong_ << ",\"unsent\":" << unsent_
        << ",\"ownDrops\":" << ownDrops << ",\"lostBefore\":" << before_.sent - before_.received
        << ",\"seconds\":" << static_cast<double>(endedAt_ - beganAt_) / 1e9 << ",\"latency\":" << inWords(latency_)
        << ",\"lateness\":" << inWords(lateness_) << ",\"ownCpuSeconds\":" << static_cast<double>(ownCpu_) / 1e9
        << ",\"machineCpuSeconds\":" << machine_ << ",\"watched\":[";
    for (size_t i = 0; i < watched_.size(); i++) {
      const Watched& it = watched_[i];
      out << (i ? "," : "") << "{\"pid\":" << it.pid << ",\"cpuSeconds\":";
      if (it.before < 0 || it.after < 0) out << "null}";
      else out << static_cast<double>(it.after - it.before) / 1e9 << "}";
    }
    out << "]}\n";
    std::cout << out.str() << std::flush;
  }

 private:
  struct Watched {
    pid_t pid;
    int64_t before;
    int64_t after;
  };

  End& end(int call, int side) { return ends_[2 * static_cast<size_t>(call) + static_cast<size_t>(side)]; }
  const End& end(int call, int side) const { return ends_[2 * static_cast<size_t>(call) + static_cast<size_t>(side)]; }

  static bool complain(const std::string& what) {
    fprintf(stderr, "generator: not understood: %s\n", what.c_str());
    exit(1);
  }

  void beginMeasuring() {
    before_.sent = sent_;
    firstMeasured_.resize(ends_.size());
    for (size_t i = 0; i < ends_.size(); i++) firstMeasured_[i] = ends_[i].sent;
    for (Watched& it : watched_) it.before = cpuOf(it.pid);
    ownCpu_ = -nanoseconds(CLOCK_PROCESS_CPUTIME_ID);
    machine_ = -busySeconds();
    beganAt_ = nanoseconds(CLOCK_MONOTONIC);
  }

  void endMeasuring() {
    for (Watched& it : watched_) it.after = cpuOf(it.pid);
    ownCpu_ += nanoseconds(CLOCK_PROCESS_CPUTIME_ID);
    machine_ += busySeconds();
    endedAt_ = nanoseconds(CLOCK_MONOTONIC);
  }

  void send(uint32_t index) {
    End& phone = ends_[index];
    if (phone.sent >= packetsEach_) return;
    uint8_t packet[kLargest + kTag];
    const uint32_t number = phone.sent++;
    const int side = index & 1;
    const uint16_t sequence = htons(static_cast<uint16_t>(number));
    const uint32_t timestamp = htonl(number * static_cast<uint32_t>(options_.steps[side]));
    const uint32_t ssrc = htonl(kMark ^ index);
    packet[0] = 0x80;
    packet[1] = static_cast<uint8_t>(options_.types[side]);
    memcpy(packet + 2, &sequence, 2);
    memcpy(packet + 4, &timestamp, 4);
    memcpy(packet + 8, &ssrc, 4);
    int length = kPacket;
    if (const Sound& sound = sounds_[side]; !sound.empty()) {
      // Everybody is at another place of it.
      const std::string& frame = sound[(number + 37 * index) % sound.size()];
      memcpy(packet + kHeader, frame.data(), frame.size());
      length = kHeader + static_cast<int>(frame.size());
    } else {
      memcpy(packet + kHeader, pattern_, kAudio);
      const Stamp stamp{nanoseconds(CLOCK_REALTIME), kMark, index, number};
      memcpy(packet + kHeader, &stamp, sizeof stamp);
    }
    length = phone.outbound.protect(packet, length, number);
    sent_++;
    if (sendto(phone.fd, packet, static_cast<size_t>(length), MSG_DONTWAIT,
               reinterpret_cast<sockaddr*>(&phone.target), sizeof phone.target) < 0) {
      unsent_++;
    }
  }

  void receive() {
    for (int side : {0, 1}) {
      for (int fd : sockets_[side]) {
        while (receiveBatch(fd) == kBatch) {
        }
      }
    }
  }

  int receiveBatch(int fd) {
    static uint8_t packets[kBatch][kLargest + kTag];
    static char controls[kBatch][64];
    static iovec vectors[kBatch];
    static mmsghdr messages[kBatch];
    for (int i = 0; i < kBatch; i++) {
      vectors[i] = {packets[i], sizeof packets[i]};
      messages[i].msg_hdr = {};
      messages[i].msg_hdr.msg_iov = &vectors[i];
      messages[i].msg_hdr.msg_iovlen = 1;
      messages[i].msg_hdr.msg_control = controls[i];
      messages[i].msg_hdr.msg_controllen = sizeof controls[i];
    }
    const int count = recvmmsg(fd, messages, kBatch, MSG_DONTWAIT, nullptr);
    for (int i = 0; i < count; i++) check(fd, packets[i], static_cast<int>(messages[i].msg_len), messages[i].msg_hdr);
    return count;
  }

  void check(int fd, uint8_t* packet, int length, msghdr& header) {
    if (!sounds_[0].empty()) {
      // Nobody knows when it was sent: it counts while it is measured.
      if (length <= kHeader || packet[0] >> 6 != 2) wrong_++;
      else if (endedAt_ == 0) (firstMeasured_.empty() ? before_ : measured_).received++;
      return;
    }
    uint32_t ssrc = 0;
    memcpy(&ssrc, packet + 8, 4);
    const uint32_t from = ntohl(ssrc) ^ kMark;
    if (length < kPacket || from >= ends_.size()) return void(wrong_++);
    End& phone = ends_[from ^ 1];
    length = phone.inbound.unprotect(packet, length);
    Stamp stamp;
    memcpy(&stamp, packet + kHeader, sizeof stamp);
    uint16_t sequence = 0;
    memcpy(&sequence, packet + 2, 2);
    const bool right = length == kPacket && phone.fd == fd && packet[0] == 0x80 && (packet[1] & 0x7f) == 0 &&
                       stamp.mark == kMark && stamp.end == from && stamp.number < ends_[from].sent &&
                       ntohs(sequence) == static_cast<uint16_t>(stamp.number) &&
                       memcmp(packet + kHeader + sizeof stamp, pattern_ + sizeof stamp, kAudio - sizeof stamp) == 0;
    if (!right) return void(wrong_++);

    const bool measured = !firstMeasured_.empty() && stamp.number >= firstMeasured_[from];
    Counts& counts = measured ? measured_ : before_;
    uint64_t& word = phone.seen[stamp.number / 64];
    const uint64_t bit = uint64_t{1} << (stamp.number % 64);
    if (word & bit) return void(counts.duplicates++);
    word |= bit;
    counts.received++;
    if (stamp.number < phone.highest) counts.reordered++;
    else phone.highest = stamp.number;
    if (measured) latency_.add(receivedAt(header) - stamp.sentAt);
  }

  static int64_t receivedAt(msghdr& header) {
    for (cmsghdr* it = CMSG_FIRSTHDR(&header); it; it = CMSG_NXTHDR(&header, it)) {
      if (it->cmsg_level != SOL_SOCKET || it->cmsg_type != SCM_TIMESTAMPNS) continue;
      timespec time;
      memcpy(&time, CMSG_DATA(it), sizeof time);
      return time.tv_sec * 1'000'000'000LL + time.tv_nsec;
    }
    return nanoseconds(CLOCK_REALTIME);
  }

  std::string counts() const {
    std::ostringstream out;
    const uint64_t sent = firstMeasured_.empty() ? 0 : sent_ - before_.sent;
    out << "\"sent\":" << sent << ",\"received\":" << measured_.received << ",\"lost\":"
        << static_cast<int64_t>(sent - measured_.received);
    return out.str();
  }

  static std::string inWords(const Histogram& histogram) {
    std::ostringstream out;
    out << "{\"p50\":" << histogram.percentile(0.5) << ",\"p99\":" << histogram.percentile(0.99)
        << ",\"p999\":" << histogram.percentile(0.999) << ",\"max\":" << histogram.max() << "}";
    return out.str();
  }

  const Options options_;
  bool realtime_ = false;
  std::vector<int> sockets_[2];
  std::vector<End> ends_;
  std::vector<Watched> watched_;
  uint32_t packetsEach_ = 0;
  uint8_t pattern_[kAudio];
  Sound sounds_[2];
  // Of each end, its first packet that counts; empty before that.
  std::vector<uint32_t> firstMeasured_;
  uint64_t sent_ = 0;
  Counts before_;
  Counts measured_;
  uint64_t wrong_ = 0;
  uint64_t unsent_ = 0;
  int64_t beganAt_ = 0;
  int64_t endedAt_ = 0;
  int64_t ownCpu_ = 0;
  double machine_ = 0;
  Histogram latency_;
  Histogram lateness_;
};

Options read(int count, char** words) {
  Options options;
  for (int i = 1; i + 1 < count; i += 2) {
    const std::string name = words[i], value = words[i + 1];
    if (name == "--calls") options.calls = std::stoi(value);
    else if (name == "--sockets") options.sockets = std::stoi(value);
    else if (name == "--tick") options.tickMicros = std::stoi(value);
    else if (name == "--warmup") options.warmup = std::stod(value);
    else if (name == "--seconds") options.seconds = std::stod(value);
    else if (name == "--report") options.report = std::stod(value);
    else if (name == "--a") options.addresses[0] = value;
    else if (name == "--b") options.addresses[1] = value;
    else if (name == "--sound-a") options.sounds[0] = value;
    else if (name == "--sound-b") options.sounds[1] = value;
    else if (name == "--type-a") options.types[0] = std::stoi(value);
    else if (name == "--type-b") options.types[1] = std::stoi(value);
    else if (name == "--step-a") options.steps[0] = std::stoi(value);
    else if (name == "--step-b") options.steps[1] = std::stoi(value);
    else if (name == "--namespace-of-b") options.namespaceOfB = value;
    else die("no such option: " + name);
  }
  return options;
}

}  // namespace

int main(int count, char** words) {
  Generator generator(read(count, words));
  generator.sayReady();
  if (!generator.readOrders()) return 1;
  generator.run();
  generator.sayResult();
  return 0;
}
