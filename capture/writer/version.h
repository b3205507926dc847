// SPDX-License-Identifier: GPL-2.0-or-later
// The version of all programs of this project. The dump format has a version of its own (dump_format.h).
#pragma once

namespace crashdump {

inline constexpr const char* kProgramVersion = "0.1.0";

}  // namespace crashdump
