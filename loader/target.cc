// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/target.h"

namespace crashdump {

Result<DeviceIdentity> FindTarget(const Machine& machine, const Uuid& uuid) {
  const std::string text = FormatUuid(uuid);
  std::vector<DeviceIdentity> found = TRY(machine.FindSwaps(uuid), "swap %s", text.c_str());
  if (found.empty()) {
    return Error::Format(ErrorCode::kNotFound, "no block device holds a swap with UUID %s (see `blkid -t TYPE=swap`)",
                         text.c_str());
  }
  if (found.size() > 1) {
    return Error::Format(ErrorCode::kRefused,
                         "swap UUID %s is found twice, on %s and on %s: give one of them another (`mkswap`)",
                         text.c_str(), found[0].name.c_str(), found[1].name.c_str());
  }
  TRY(CheckAcceptable(found[0]), "%s", found[0].name.c_str());
  return std::move(found[0]);
}

Result<Uuid> ParseTarget(std::string_view text) {
  constexpr std::string_view kPrefix = "UUID=";
  if (text.substr(0, kPrefix.size()) == kPrefix) text.remove_prefix(kPrefix.size());
  return ParseUuid(text);
}

}  // namespace crashdump
