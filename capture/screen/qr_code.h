// SPDX-License-Identifier: GPL-2.0-or-later
// QrCode: text that a phone takes along from the screen (ISO/IEC 18004, encoded by libqrencode).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace crashdump {

class QrCode {
 public:
  // Is not shown.
  QrCode() = default;

  // As many of `lines`, from the first, as a code with at most `most_modules` modules per side holds, margin included.
  // Empty if not even the first line has room, or memory runs out.
  static QrCode Encode(const std::vector<std::string>& lines, unsigned most_modules);

  // Per side, with the margin of light modules that readers need; 0 if it is empty.
  unsigned modules() const { return modules_; }
  // Whatever is outside is light.
  bool IsDark(unsigned column, unsigned row) const;

 private:
  std::vector<uint8_t> dark_;  // one byte per module, without the margin
  unsigned modules_ = 0;
};

}  // namespace crashdump
