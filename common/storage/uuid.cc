// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/storage/uuid.h"

#include "common/base/parse.h"

namespace crashdump {
namespace {

constexpr size_t kTextLength = 36;

bool IsDashPlace(size_t i) { return i == 8 || i == 13 || i == 18 || i == 23; }

}  // namespace

Result<Uuid> ParseUuid(std::string_view text) {
  std::string digits;
  bool dashes_fit = text.size() == kTextLength;
  for (size_t i = 0; dashes_fit && i < kTextLength; ++i) {
    if (!IsDashPlace(i)) {
      digits += text[i];
    } else if (text[i] != '-') {
      dashes_fit = false;
    }
  }
  Uuid uuid{};
  if (!dashes_fit || !ParseHex(digits, uuid).ok()) {
    return Error::Format(ErrorCode::kInvalidArgument, "\"%.*s\" is not a UUID", static_cast<int>(text.size()),
                         text.data());
  }
  return uuid;
}

std::string FormatUuid(const Uuid& uuid) {
  std::string text = ToHex(uuid);
  for (const size_t place : {8U, 13U, 18U, 23U}) text.insert(place, 1, '-');
  return text;
}

}  // namespace crashdump
