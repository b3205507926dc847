// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "common/base/bytes.h"

namespace crashdump {

// Base64 with padding (RFC 4648, section 4), without line breaks.
std::string ToBase64(Bytes bytes);

}  // namespace crashdump
