#include "relay_thread.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

namespace relay {

namespace {

constexpr int eventLimit = 64;
// As much as any datagram has.
constexpr size_t datagramLimit = 65'536;
constexpr size_t bufferSize = datagramLimit + srtpGrowth;

int setPolicy(bool realTime) {
  sched_param parameters{};
  parameters.sched_priority = realTime ? 1 : 0;
  return pthread_setschedparam(pthread_self(), realTime ? SCHED_RR : SCHED_OTHER, &parameters);
}

}  // namespace

RelayThread::Session::Session(Surroundings& surroundings, SessionBlock& block, uint32_t number)
    : legs{Leg(surroundings, block.legs[0], number, 0), Leg(surroundings, block.legs[1], number, 1)} {
  legs[0].connect(legs[1]);
  legs[1].connect(legs[0]);
}

RelayThread::RelayThread(const Clock& clock, OwnPorts& ownPorts, const ThreadOptions& options,
                         std::function<void()> wake)
    : clock_(clock),
      options_(options),
      wake_(std::move(wake)),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      wakeup_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      taps_(options.tapBytes),
      injected_(options.sendBytes),
      surroundings_{ownPorts, taps_},
      buffer_(std::make_unique<uint8_t[]>(bufferSize)),
      ours_(std::make_unique<uint8_t[]>(bufferSize)) {}

RelayThread::~RelayThread() { stop(); }

bool RelayThread::run() {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = nullptr;
  if (epoll_ < 0 || wakeup_ < 0 || epoll_ctl(epoll_, EPOLL_CTL_ADD, wakeup_, &event) != 0) return false;
  running_ = pthread_create(&thread_, nullptr, begin, this) == 0;
  return running_;
}

void* RelayThread::begin(void* thread) {
  static_cast<RelayThread*>(thread)->loop();
  return nullptr;
}

void RelayThread::loop() {
  pthread_setname_np(pthread_self(), "media-relay");
  if (options_.realTime) {
    schedule_ = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
    load_.begin(Clock::monotonic(), Clock::threadTime(), queued());
    takeRealTime();
  }
  epoll_event events[eventLimit];
  while (!stopped_) {
    if (std::exchange(answered_, false) | std::exchange(surroundings_.tapped, false)) wake_();
    const int ready = epoll_wait(epoll_, events, eventLimit, settling_.empty() ? -1 : 0);
    if (ready == 0) {
      for (auto& order : settling_) answer(std::move(order));
      settling_.clear();
    }
    for (int i = 0; i < ready && !stopped_; i++) {
      if (events[i].data.ptr != nullptr) {
        serve(*static_cast<Watch*>(events[i].data.ptr));
      } else {
        uint64_t count;
        [[maybe_unused]] const auto size = read(wakeup_, &count, sizeof count);
        nudged_.exchange(false);
        obeyAll();
      }
    }
    free_.insert(free_.end(), freed_.begin(), freed_.end());
    freed_.clear();
    if (options_.realTime) watchLoad();
  }
  sessions_.clear();
  watches_.clear();
  if (schedule_ >= 0) close(schedule_);
}

void RelayThread::tell(std::unique_ptr<Order> order) {
  order->injected = injected_.tail();
  told_++;
  orders_.push(std::move(order));
  nudge();
}

void RelayThread::catchUp() {
  for (uint64_t obeyed = obeyed_.load(std::memory_order_acquire); obeyed < told_;) {
    obeyed_.wait(obeyed, std::memory_order_acquire);
    obeyed = obeyed_.load(std::memory_order_acquire);
  }
}

bool RelayThread::inject(uint32_t session, uint32_t kind, const uint8_t* packet, size_t size) {
  return injected_.push(session, kind, 0, packet, size);
}

void RelayThread::stop() {
  if (running_) {
    auto order = std::make_unique<Order>();
    order->kind = Order::stop;
    tell(std::move(order));
    pthread_join(thread_, nullptr);
    running_ = false;
  }
  for (int* fd : {&epoll_, &wakeup_}) {
    if (*fd >= 0) close(std::exchange(*fd, -1));
  }
}

void RelayThread::nudge() {
  if (nudged_.exchange(true)) return;
  const uint64_t one = 1;
  [[maybe_unused]] const auto size = write(wakeup_, &one, sizeof one);
}

void RelayThread::serve(Watch& watch) {
  if (!watch.socket) return;
  sockaddr_storage raw;
  socklen_t length = sizeof raw;
  const ssize_t size = recvfrom(watch.socket->fd(), buffer_.get(), datagramLimit, MSG_DONTWAIT,
                                reinterpret_cast<sockaddr*>(&raw), &length);
  if (size < 0) return;
  // What was ordered before the packet was sent holds for it.
  if (!orders_.empty()) {
    obeyAll();
    if (!watch.socket) return;
  }
  const Address from = Address::from(raw);
  const double now = clock_.now();
  if (watch.rtcp) {
    watch.leg->onRtcpPort(buffer_.get(), static_cast<size_t>(size), from, now);
  } else {
    watch.leg->onRtpPort(buffer_.get(), static_cast<size_t>(size), from, now);
  }
}

void RelayThread::obeyAll() {
  // First the end of what is to be sent: each packet up to it was given after the orders that it needs.
  const uint64_t end = injected_.tail();
  for (Order* list = orders_.take(); list != nullptr;) {
    auto order = OrderList::pop(list);
    sendInjected(order->injected);
    obey(*order);
    obeyed_.fetch_add(1, std::memory_order_release);
    obeyed_.notify_one();
    if (order->kind == Order::end) {
      answer(std::move(order));
    } else if (order->kind == Order::settle) {
      settling_.push_back(std::move(order));
    }
  }
  sendInjected(end);
}

void RelayThread::sendInjected(uint64_t end) {
  injected_.read(end, [&](const RecordHeader& header, const uint8_t* bytes) {
    const auto found = sessions_.find(header.session);
    if (found == sessions_.end()) return true;
    std::memcpy(ours_.get(), bytes, header.length);
    Leg& leg = found->second->legs[header.kind & 1];
    if ((header.kind & 2) != 0) {
      leg.sendRtcp(ours_.get(), header.length);
    } else {
      leg.sendRtp(ours_.get(), header.length);
    }
    return true;
  });
}

void RelayThread::obey(Order& order) {
  if (order.kind == Order::stop) stopped_ = true;
  if (order.kind == Order::start) {
    sessions_[order.session] = std::make_unique<Session>(surroundings_, *order.block, order.session);
  }
  const auto found = sessions_.find(order.session);
  if (found == sessions_.end()) return;
  Session& session = *found->second;
  if (order.kind == Order::start || order.kind == Order::update) {
    apply(session, order);
  } else if (order.kind == Order::detach) {
    leave(session, order.leg);
  } else if (order.kind == Order::end) {
    leave(session, 0);
    leave(session, 1);
    sessions_.erase(found);
  }
}

void RelayThread::apply(Session& session, Order& order) {
  // Both leave before one enters: they may change places.
  for (int leg = 0; leg < 2; leg++) {
    if (order.legs[leg].pair || !order.legs[leg].present) leave(session, leg);
  }
  for (int i = 0; i < 2; i++) {
    LegOrder& told = order.legs[i];
    Leg& leg = session.legs[i];
    if (told.pair) enter(session, i, told.pair);
    if (!told.present) {
      leg.vacate(order.at);
    } else {
      leg.listen(order.tapsRtp, order.tapsRtcp);
      leg.follow(told.rules);
      leg.protect(told.srtp ? &*told.srtp : nullptr);
      if (told.arm) leg.arm(told.remote, told.signalling, order.at);
      else leg.expectSignalling(told.signalling);
    }
    order.block->legs[i].obey(order.number);
  }
}

void RelayThread::leave(Session& session, int leg) {
  for (Watch*& watch : session.watches[leg]) {
    if (watch != nullptr) unwatch(std::exchange(watch, nullptr));
  }
  session.legs[leg].moveTo({});
}

void RelayThread::enter(Session& session, int index, const Pair& pair) {
  Leg& leg = session.legs[index];
  leg.moveTo(pair);
  session.watches[index][0] = watch(pair.rtp, leg, false);
  session.watches[index][1] = watch(pair.rtcp, leg, true);
}

RelayThread::Watch* RelayThread::watch(std::shared_ptr<Socket> socket, Leg& leg, bool rtcp) {
  if (free_.empty()) free_.push_back(&watches_.emplace_back());
  Watch* const watch = free_.back();
  free_.pop_back();
  *watch = {std::move(socket), &leg, rtcp};
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = watch;
  // What leads nowhere is refused by EPERM: the port has been given back since.
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, watch->socket->fd(), &event) != 0 && errno != EPERM) {
    answer(Order::unwatchable, static_cast<uint32_t>(errno));
  }
  return watch;
}

void RelayThread::unwatch(Watch* watch) {
  // It fails where the port has been given back already, with which the kernel has forgotten it or soon will.
  epoll_ctl(epoll_, EPOLL_CTL_DEL, watch->socket->fd(), nullptr);
  watch->socket.reset();
  freed_.push_back(watch);
}

void RelayThread::answer(std::unique_ptr<Order> order) {
  answers_.push(std::move(order));
  answered_ = true;
}

void RelayThread::answer(Order::Kind kind, uint32_t number) {
  auto order = std::make_unique<Order>();
  order->kind = kind;
  order->number = number;
  answer(std::move(order));
}

void RelayThread::takeRealTime() {
  const int error = setPolicy(true);
  realTime_ = error == 0;
  refused_ = error != 0;
  if (refused_) answer(Order::realTimeRefused, static_cast<uint32_t>(error));
}

// For how long the thread has waited for a core so far, in ns; 0 where the system does not count it.
int64_t RelayThread::queued() const {
  char text[96] = {};
  long long used;
  long long queued;
  if (schedule_ < 0 || pread(schedule_, text, sizeof text - 1, 0) <= 0) return 0;
  return std::sscanf(text, "%lld %lld", &used, &queued) == 2 ? queued : 0;
}

// With a priority above all other programs the thread must not have the core for itself.
void RelayThread::watchLoad() {
  if (refused_) return;
  const int64_t now = Clock::monotonic();
  if (!load_.due(now)) return;
  const auto advice = load_.look(now, Clock::threadTime(), queued(), realTime_);
  if (advice == LoadWatch::Advice::giveBack) {
    realTime_ = setPolicy(false) != 0;
    answer(Order::realTimeGivenBack, 0);
  } else if (advice == LoadWatch::Advice::takeAgain) {
    takeRealTime();
    if (realTime_) answer(Order::realTimeTaken, 0);
  }
}

}  // namespace relay
