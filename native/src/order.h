// What the thread of JavaScript tells a relay thread, and what that answers: a list without a lock, of which each order
// is allocated by who writes it and freed by who has read it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include "counters.h"
#include "leg.h"

namespace relay {

struct LegOrder {
  // Otherwise nobody is there, and the rest says nothing.
  bool present = false;
  // The far end is another than before.
  bool arm = false;
  Remote remote;
  Address signalling;
  LegRules rules;
  std::optional<SrtpKeys> srtp;
  // The leg moves to this pair; none: it stays where it is.
  Pair pair;
};

struct Order {
  enum Kind : uint32_t {
    // Told.
    start,
    update,
    detach,  // the ports of `leg` are no more
    end,     // answered once nothing touches the session's counters any more
    settle,  // answered once nothing is left to be read
    stop,
    // Answered of itself; `number` is an errno.
    realTimeRefused,
    realTimeGivenBack,
    realTimeTaken,
    unwatchable,
  };

  Kind kind;
  uint32_t session = 0;
  // Of the orders to one session.
  uint32_t number = 0;
  double at = 0;
  // What has been given to be sent before this order was given.
  uint64_t injected = 0;
  int leg = 0;
  bool tapsRtp = false;
  bool tapsRtcp = false;
  SessionBlock* block = nullptr;
  LegOrder legs[2];
  Order* next = nullptr;
};

// From any number of threads to one.
class OrderList {
 public:
  OrderList() = default;
  ~OrderList() {
    for (Order* list = take(); list != nullptr;) pop(list);
  }

  void push(std::unique_ptr<Order> order) {
    Order* const raw = order.release();
    raw->next = newest_.load(std::memory_order_relaxed);
    while (!newest_.compare_exchange_weak(raw->next, raw, std::memory_order_release, std::memory_order_relaxed)) {
    }
  }

  bool empty() const { return newest_.load(std::memory_order_acquire) == nullptr; }

  // Everything pushed so far, oldest first; the caller pops it to the end.
  Order* take() {
    Order* newest = newest_.exchange(nullptr, std::memory_order_acquire);
    Order* oldest = nullptr;
    while (newest != nullptr) {
      Order* const before = newest->next;
      newest->next = oldest;
      oldest = newest;
      newest = before;
    }
    return oldest;
  }

  // The first of a list that `take` gave, which then begins with the next; null at its end.
  static std::unique_ptr<Order> pop(Order*& list) {
    std::unique_ptr<Order> order(list);
    if (list != nullptr) list = list->next;
    return order;
  }

 private:
  std::atomic<Order*> newest_{nullptr};
};

}  // namespace relay
