// SPDX-License-Identifier: GPL-2.0-or-later
// Uuid: the 16 bytes by which a swap is known, and their text form.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace crashdump {

using Uuid = std::array<uint8_t, 16>;

// "8-4-4-4-12" hexadecimal digits of either case, nothing around them.
Result<Uuid> ParseUuid(std::string_view text);
// Lower case, as libblkid and udev write it.
std::string FormatUuid(const Uuid& uuid);

}  // namespace crashdump
