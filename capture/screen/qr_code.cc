// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/screen/qr_code.h"

#include <qrencode.h>

#include <algorithm>
#include <memory>

namespace crashdump {
namespace {

// ISO/IEC 18004: four light modules on every side.
constexpr unsigned kMargin = 4;
// Version 20. Modules of larger ones are too small for a phone in front of a whole screen.
constexpr unsigned kMostModules = 97 + 2 * kMargin;
constexpr size_t kMostBytes = 858;
// Version 1.
constexpr unsigned kLeastModules = 21 + 2 * kMargin;

using Code = std::unique_ptr<QRcode, decltype(&QRcode_free)>;

// The smallest that holds the text; none if none does. The lowest of the levels of correction: a screen has no stains.
Code Smallest(const std::string& text) {
  const auto* const bytes = reinterpret_cast<const unsigned char*>(text.data());
  return {QRcode_encodeData(static_cast<int>(text.size()), bytes, 0, QR_ECLEVEL_L), &QRcode_free};
}

}  // namespace

QrCode QrCode::Encode(const std::vector<std::string>& lines, unsigned most_modules) {
  most_modules = std::min(most_modules, kMostModules);
  QrCode best;
  if (most_modules < kLeastModules) return best;
  // More lines never need a smaller code: halve the range of how many have room.
  size_t fitting = 0;
  size_t too_many = lines.size() + 1;
  while (too_many - fitting > 1) {
    const size_t count = fitting + (too_many - fitting) / 2;
    std::string text;
    for (size_t i = 0; i < count; ++i) text.append(i > 0 ? "\n" : "").append(lines[i]);
    const Code code = text.size() <= kMostBytes ? Smallest(text) : Code(nullptr, &QRcode_free);
    const unsigned width = code != nullptr ? static_cast<unsigned>(code->width) : 0;
    if (code == nullptr || width + 2 * kMargin > most_modules) {
      too_many = count;
      continue;
    }
    fitting = count;
    best.modules_ = width + 2 * kMargin;
    best.dark_.assign(code->data, code->data + size_t{width} * width);
  }
  return best;
}

bool QrCode::IsDark(unsigned column, unsigned row) const {
  const unsigned width = modules_ - std::min(modules_, 2 * kMargin);
  // Below the margin they wrap around to large numbers.
  column -= kMargin;
  row -= kMargin;
  // The lowest bit of a module's byte (qrencode.h).
  return column < width && row < width && (dark_[size_t{row} * width + column] & 1) != 0;
}

}  // namespace crashdump
