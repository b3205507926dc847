// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/vmcore/vmcore_format.h"

#include <array>
#include <string>

namespace crashdump {
namespace {

constexpr std::array<const char*, 3> kFormats{"kdump", "elf", "crashdump"};
constexpr std::array<const char*, 3> kCompressions{"zstd", "zlib", "none"};

template <typename Value>
Result<Value> Parse(std::string_view name, const std::array<const char*, 3>& names) {
  for (size_t i = 0; i < names.size(); ++i) {
    if (name == names[i]) return static_cast<Value>(i);
  }
  return Error::Format(ErrorCode::kInvalidArgument, "\"%.*s\" is none of %s, %s, %s", static_cast<int>(name.size()),
                       name.data(), names[0], names[1], names[2]);
}

}  // namespace

Result<VmcoreFormat> ParseVmcoreFormat(std::string_view name) { return Parse<VmcoreFormat>(name, kFormats); }
Result<PageCompression> ParsePageCompression(std::string_view name) {
  return Parse<PageCompression>(name, kCompressions);
}
const char* VmcoreFormatName(VmcoreFormat format) { return kFormats[static_cast<size_t>(format)]; }

}  // namespace crashdump
