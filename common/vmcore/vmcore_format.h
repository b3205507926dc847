// SPDX-License-Identifier: GPL-2.0-or-later
// In which forms memory images are given to others, by the names that users write in options and in the configuration.
#pragma once

#include <cstdint>
#include <string_view>

#include "common/base/result.h"

namespace crashdump {

enum class VmcoreFormat : uint8_t {
  kKdump,      // makedumpfile's kdump-compressed format
  kElf,        // an ELF core as /proc/vmcore is, sparse
  kCrashdump,  // our own, as `crashdump save` makes it
};

// How each page of a kdump-compressed file is stored.
enum class PageCompression : uint8_t { kZstd, kZlib, kNone };

inline constexpr PageCompression kDefaultPageCompression = PageCompression::kZstd;

// kInvalidArgument names the word and those that there are.
Result<VmcoreFormat> ParseVmcoreFormat(std::string_view name);
Result<PageCompression> ParsePageCompression(std::string_view name);
const char* VmcoreFormatName(VmcoreFormat format);

}  // namespace crashdump
