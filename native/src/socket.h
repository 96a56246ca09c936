// A bound UDP socket.
#pragma once

#include <memory>

#include "address.h"

namespace relay {

class Socket {
 public:
  // Opens what `unbind` needs, before there are no descriptors left; false where that fails.
  static bool prepare();
  // Binds at once; null where that fails. `dscp` marks what is sent; negative: as the system does.
  static std::shared_ptr<Socket> open(const Address& local, int dscp);
  ~Socket();
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  int fd() const { return fd_; }
  // Gives the port back at once, though a relay thread may still hold the descriptor: its number then leads nowhere, and
  // serves nothing else until the last holder lets go.
  void unbind();
  // Throws away what has arrived so far.
  void discard();

 private:
  explicit Socket(int fd) : fd_(fd) {}
  const int fd_;
};

}  // namespace relay
