// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/swap_table.h"

#include <array>
#include <cctype>
#include <cstdio>
#include <cstring>
#include <utility>

#include "loader/target.h"

namespace crashdump {
namespace {

// As udev writes what a device says of itself into the names of links (systemd, encode_devnode_name()). Bytes beyond
// ASCII stay if they are UTF-8, which is taken for granted.
std::string EncodeForUdev(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (isalnum(byte) != 0 || byte >= 0x80 || (c != '\0' && strchr("#+-.:=@_", c) != nullptr)) {
      encoded += c;
    } else {
      std::array<char, 8> escape{};
      (void)snprintf(escape.data(), escape.size(), "\\x%02x", byte);
      encoded += escape.data();
    }
  }
  return encoded;
}

// The node that an fstab's first field means, but for UUID=.
std::string NodeOf(const std::string& source) {
  constexpr std::pair<std::string_view, const char*> kTags[] = {{"LABEL=", "/dev/disk/by-label/"},
                                                                {"PARTUUID=", "/dev/disk/by-partuuid/"},
                                                                {"PARTLABEL=", "/dev/disk/by-partlabel/"}};
  for (const auto& [tag, directory] : kTags) {
    if (source.starts_with(tag)) return directory + EncodeForUdev(std::string_view(source).substr(tag.size()));
  }
  return source;
}

}  // namespace

Result<std::optional<ActiveSwap>> FindActive(const Machine& machine, const DeviceIdentity& identity) {
  const std::string text = TRY(machine.ReadText("/proc/swaps"));
  const std::vector<ActiveSwap> swaps = TRY(ParseSwaps(text));
  for (const ActiveSwap& swap : swaps) {
    if (!swap.is_file && machine.IsNodeOf(swap.path, identity.device_number)) return std::optional(swap);
  }
  return std::optional<ActiveSwap>();
}

std::vector<SwapEntry> ReadFstabSwaps(const Machine& machine) {
  const Result<std::string> text = machine.ReadText("/etc/fstab");
  return text.ok() ? ParseFstabSwaps(text.value()) : std::vector<SwapEntry>();
}

bool IsAbout(const Machine& machine, const SwapEntry& entry, const SwapDevice& device) {
  if (entry.source.starts_with("UUID=")) {
    const Result<Uuid> uuid = ParseTarget(entry.source);
    return uuid.ok() && uuid.value() == device.uuid;
  }
  return machine.IsNodeOf(NodeOf(entry.source), device.identity.device_number);
}

}  // namespace crashdump
