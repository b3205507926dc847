// SPDX-License-Identifier: GPL-2.0-or-later
// CpioWriter: a small initramfs archive ("newc", Linux Documentation/driver-api/early-userspace/buffer-format.rst) in
// memory that is wiped, because it holds keys.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"

namespace crashdump {

class CpioWriter {
 public:
  // Room for `capacity` bytes: within it no copy of the contents is left behind by growing.
  explicit CpioWriter(size_t capacity) { bytes_.reserve(capacity); }
  ~CpioWriter();
  CpioWriter(const CpioWriter&) = delete;
  CpioWriter& operator=(const CpioWriter&) = delete;

  // Paths without a leading slash, root's, mode 0700 and 0600.
  void AddDirectory(std::string_view path);
  void AddFile(std::string_view path, Bytes contents);
  // The end mark. Nothing may be added after it.
  void Finish();

  // A multiple of 4 bytes long. Valid until the writer changes.
  Bytes bytes() const { return bytes_; }

  // Bytes that an entry takes.
  static size_t EntryBytes(std::string_view path, size_t contents);

 private:
  void AddEntry(std::string_view path, uint32_t mode, Bytes contents);

  std::vector<uint8_t> bytes_;
  uint32_t next_inode_ = 1;
};

}  // namespace crashdump
