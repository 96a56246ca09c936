// Where a packet comes from or goes to: an IP address and a port, in a form that is compared and copied cheaply.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <string>

namespace relay {

struct Address {
  // 0: none; 4 or 6.
  uint8_t family = 0;
  uint16_t port = 0;
  // The zone of a link-local IPv6 address, else 0.
  uint32_t scope = 0;
  // In network order; an IPv4 address fills the first four bytes.
  uint8_t ip[16] = {};

  bool known() const { return family != 0; }
  // Whether it is the same IP, whatever the port and the zone.
  bool sameIp(const Address& other) const;
  // Whether it is the same machine: IP and zone.
  bool sameHost(const Address& other) const { return scope == other.scope && sameIp(other); }
  bool operator==(const Address& other) const { return port == other.port && sameHost(other); }

  // Reads a literal; family 0 where it is none. The zone is read only where it is wanted.
  static Address parse(const std::string& text, uint16_t port, bool withZone = false);
  static Address from(const sockaddr_storage& from);
  // The address as the kernel writes it, without the port.
  std::string text() const;
  // Writes the kernel's form; returns its length.
  socklen_t toSockaddr(sockaddr_storage& to) const;
  // Itself where media may be sent to it: a known port of a single machine. Else none.
  Address asTarget() const;
};

}  // namespace relay
