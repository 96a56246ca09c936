#pragma once
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>

[[noreturn]] inline void die(const std::string& what) {
  fprintf(stderr, "generator: %s: %s\n", what.c_str(), strerror(errno));
  exit(1);
}

inline int64_t nanoseconds(clockid_t clock) {
  timespec now;
  if (clock_gettime(clock, &now) != 0) return -1;
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

// CPU time of a process, all its threads, user and system, in ns; -1 where it is gone.
inline int64_t cpuOf(pid_t pid) {
  clockid_t clock;
  return clock_getcpuclockid(pid, &clock) == 0 ? nanoseconds(clock) : -1;
}

// CPU time that the whole machine has been busy, or kept from us by its host, in s.
inline double busySeconds() {
  FILE* file = fopen("/proc/stat", "r");
  unsigned long long user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, softirq = 0, steal = 0;
  if (file) {
    if (fscanf(file, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system, &idle, &wait, &irq, &softirq,
               &steal) != 8) {
      die("/proc/stat");
    }
    fclose(file);
  }
  return static_cast<double>(user + nice + system + irq + softirq + steal) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

inline void enterNamespace(const std::string& name) {
  const int fd = open(("/run/netns/" + name).c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0 || setns(fd, CLONE_NEWNET) != 0) die("network namespace " + name);
  close(fd);
}

inline void sleepUntil(int64_t monotonic) {
  timespec until{monotonic / 1'000'000'000, monotonic % 1'000'000'000};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) == EINTR) {
  }
}

inline sockaddr_in addressOf(const std::string& address, int port) {
  sockaddr_in result{};
  result.sin_family = AF_INET;
  result.sin_port = htons(static_cast<uint16_t>(port));
  if (inet_pton(AF_INET, address.c_str(), &result.sin_addr) != 1) die("no IPv4 address: " + address);
  return result;
}

// A UDP socket on a free port whose packets carry the time at which the kernel took them in.
inline int openSocket(const std::string& address) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket");
  int on = 1;
  int buffer = 8 << 20;
  if (setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) != 0) die("SO_TIMESTAMPNS");
  for (auto [forced, polite] : {std::pair{SO_RCVBUFFORCE, SO_RCVBUF}, std::pair{SO_SNDBUFFORCE, SO_SNDBUF}}) {
    if (setsockopt(fd, SOL_SOCKET, forced, &buffer, sizeof buffer) != 0) {
      setsockopt(fd, SOL_SOCKET, polite, &buffer, sizeof buffer);
    }
  }
  sockaddr_in local = addressOf(address, 0);
  if (bind(fd, reinterpret_cast<sockaddr*>(&local), sizeof local) != 0) die("bind " + address);
  return fd;
}

inline int portOf(int fd) {
  sockaddr_in local{};
  socklen_t length = sizeof local;
  getsockname(fd, reinterpret_cast<sockaddr*>(&local), &length);
  return ntohs(local.sin_port);
}

// Packets that the kernel dropped because we had not read in time.
inline uint32_t dropsOf(int fd) {
  uint32_t info[SK_MEMINFO_VARS] = {};
  socklen_t length = sizeof info;
  getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &length);
  return info[SK_MEMINFO_DROPS];
}

// Ends with its parent, wakes when it says, and is not kept waiting by what it measures, where that is allowed: relays
// may ask for priority 1.
inline bool becomePunctual() {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  prctl(PR_SET_TIMERSLACK, 1);
  sched_param priority{.sched_priority = 2};
  return sched_setscheduler(0, SCHED_RR, &priority) == 0;
}
