#include "socket.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>

namespace relay {

namespace {

// Asked of the kernel for each direction, in bytes; it may grant less.
constexpr int bufferSize = 512 * 1024;
// A flood does not hold up who opens a call.
constexpr int discardLimit = 2000;

// A descriptor to which nothing can be sent.
int nowhere() {
  static std::atomic<int> kept{-1};
  if (kept.load() >= 0) return kept.load();
  const int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  int none = -1;
  if (fd < 0 || kept.compare_exchange_strong(none, fd)) return fd;
  // Another thread was faster.
  close(fd);
  return none;
}

}  // namespace

bool Socket::prepare() { return nowhere() >= 0; }

std::shared_ptr<Socket> Socket::open(const Address& local, int dscp) {
  const bool v6 = local.family == 6;
  const int fd = ::socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return nullptr;
  std::shared_ptr<Socket> opened(new Socket(fd));
  const int on = 1;
  if (v6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  sockaddr_storage address;
  const socklen_t length = local.toSockaddr(address);
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), length) != 0) return nullptr;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bufferSize, sizeof bufferSize);
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bufferSize, sizeof bufferSize);
  if (dscp >= 0) {
    const int mark = dscp << 2;
    setsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_TCLASS : IP_TOS, &mark, sizeof mark);
  }
  return opened;
}

Socket::~Socket() { close(fd_); }

void Socket::unbind() { dup3(nowhere(), fd_, O_CLOEXEC); }

void Socket::discard() {
  char byte;
  for (int i = 0; i < discardLimit && recv(fd_, &byte, sizeof byte, MSG_DONTWAIT) >= 0; i++) {
  }
}

}  // namespace relay
