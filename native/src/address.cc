#include "address.h"

#include <arpa/inet.h>
#include <net/if.h>

#include <cstring>

namespace relay {

bool Address::sameIp(const Address& other) const {
  return family == other.family && std::memcmp(ip, other.ip, sizeof ip) == 0;
}

Address Address::parse(const std::string& text, uint16_t port, bool withZone) {
  Address address;
  const auto zone = text.find('%');
  const std::string bare = text.substr(0, zone);
  if (zone == std::string::npos && inet_pton(AF_INET, bare.c_str(), address.ip) == 1) {
    address.family = 4;
  } else if (inet_pton(AF_INET6, bare.c_str(), address.ip) == 1) {
    address.family = 6;
    if (withZone && zone != std::string::npos) address.scope = if_nametoindex(text.c_str() + zone + 1);
  } else {
    return {};
  }
  address.port = port;
  return address;
}

Address Address::from(const sockaddr_storage& from) {
  Address address;
  if (from.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(from);
    address.family = 4;
    address.port = ntohs(v4.sin_port);
    std::memcpy(address.ip, &v4.sin_addr, sizeof v4.sin_addr);
  } else if (from.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(from);
    address.family = 6;
    address.port = ntohs(v6.sin6_port);
    address.scope = v6.sin6_scope_id;
    std::memcpy(address.ip, &v6.sin6_addr, sizeof v6.sin6_addr);
  }
  return address;
}

std::string Address::text() const {
  char text[INET6_ADDRSTRLEN] = {};
  if (inet_ntop(family == 4 ? AF_INET : AF_INET6, ip, text, sizeof text) == nullptr) return {};
  char name[IF_NAMESIZE] = {};
  if (scope == 0 || if_indextoname(scope, name) == nullptr) return text;
  return std::string(text) + '%' + name;
}

socklen_t Address::toSockaddr(sockaddr_storage& to) const {
  to = {};
  if (family == 4) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(to);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&v4.sin_addr, ip, sizeof v4.sin_addr);
    return sizeof v4;
  }
  auto& v6 = reinterpret_cast<sockaddr_in6&>(to);
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  v6.sin6_scope_id = scope;
  std::memcpy(&v6.sin6_addr, ip, sizeof v6.sin6_addr);
  return sizeof v6;
}

Address Address::asTarget() const {
  if (!known() || port == 0) return {};
  if (family == 4) return ip[0] == 0 || ip[0] >= 224 ? Address{} : *this;
  static constexpr uint8_t unspecified[16] = {};
  return ip[0] == 0xff || std::memcmp(ip, unspecified, sizeof ip) == 0 ? Address{} : *this;
}

}  // namespace relay
