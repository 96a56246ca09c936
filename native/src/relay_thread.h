// A thread that serves sessions: waits for packets on their ports, obeys orders, sends what JavaScript wants sent.
#pragma once

#include <pthread.h>

#include <array>
#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "clock.h"
#include "leg.h"
#include "load_watch.h"
#include "order.h"
#include "ring.h"

namespace relay {

struct ThreadOptions {
  // Whether to ask for real-time priority.
  bool realTime = false;
  // Bytes that wait for JavaScript, and for the network, at most.
  size_t tapBytes = 1 << 20;
  size_t sendBytes = 1 << 20;
};

class RelayThread {
 public:
  // `wake` is called from the thread when there are taps or answers; it must neither wait nor fail.
  RelayThread(const Clock& clock, OwnPorts& ownPorts, const ThreadOptions& options, std::function<void()> wake);
  // Stops and waits until the thread has ended.
  ~RelayThread();

  // False where the kernel does not give all that it takes; to be called once.
  bool run();

  // For the thread of JavaScript.
  void tell(std::unique_ptr<Order> order);
  // Waits until all that has been told is obeyed.
  void catchUp();
  // A packet for the network, for when the thread wakes next; false where too many wait already.
  bool inject(uint32_t session, uint32_t kind, const uint8_t* packet, size_t size);
  // Wakes the thread.
  void nudge();
  OrderList& answers() { return answers_; }
  Ring& taps() { return taps_; }
  // Nothing is served any more when it returns. What has been answered can still be read.
  void stop();

 private:
  // What the kernel names a socket by. Such memory is never given back: it may name one that is just being closed.
  struct Watch {
    std::shared_ptr<Socket> socket;
    Leg* leg = nullptr;
    bool rtcp = false;
  };

  struct Session {
    Session(Surroundings& surroundings, SessionBlock& block, uint32_t number);
    std::array<Leg, 2> legs;
    Watch* watches[2][2] = {};
  };

  static void* begin(void* thread);
  void loop();
  void serve(Watch& watch);
  void obeyAll();
  void sendInjected(uint64_t end);
  void obey(Order& order);
  void apply(Session& session, Order& order);
  void leave(Session& session, int leg);
  void enter(Session& session, int leg, const Pair& pair);
  Watch* watch(std::shared_ptr<Socket> socket, Leg& leg, bool rtcp);
  void unwatch(Watch* watch);
  void answer(std::unique_ptr<Order> order);
  void answer(Order::Kind kind, uint32_t number);
  void takeRealTime();
  int64_t queued() const;
  void watchLoad();

  const Clock& clock_;
  const ThreadOptions options_;
  const std::function<void()> wake_;
  int epoll_;
  int wakeup_;
  pthread_t thread_{};
  bool running_ = false;

  OrderList orders_;
  OrderList answers_;
  Ring taps_;
  Ring injected_;
  std::atomic<bool> nudged_{false};
  // Orders: what the thread of JavaScript has given, what this one has done.
  uint64_t told_ = 0;
  std::atomic<uint64_t> obeyed_{0};

  // Of the thread alone.
  Surroundings surroundings_;
  std::unordered_map<uint32_t, std::unique_ptr<Session>> sessions_;
  std::deque<Watch> watches_;
  std::vector<Watch*> free_;
  // Free as soon as the events in hand are done with.
  std::vector<Watch*> freed_;
  std::vector<std::unique_ptr<Order>> settling_;
  // What has been received, and, since that may not be done with, what is sent of our own.
  std::unique_ptr<uint8_t[]> buffer_;
  std::unique_ptr<uint8_t[]> ours_;
  bool answered_ = false;
  bool stopped_ = false;
  bool realTime_ = false;
  bool refused_ = false;
  LoadWatch load_;
  // Where the kernel tells how the thread has been scheduled.
  int schedule_ = -1;
};

}  // namespace relay
