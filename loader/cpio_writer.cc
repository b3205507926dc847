// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/cpio_writer.h"

#include <array>
#include <cstdio>

#include "common/base/result.h"
#include "common/base/units.h"
#include "common/crypto/crypto.h"

namespace crashdump {
namespace {

constexpr size_t kHeaderBytes = 110;
constexpr uint32_t kDirectoryMode = 0040700;
constexpr uint32_t kFileMode = 0100600;
constexpr std::string_view kEnd = "TRAILER!!!";

}  // namespace

CpioWriter::~CpioWriter() { Wipe(bytes_); }

void CpioWriter::AddDirectory(std::string_view path) { AddEntry(path, kDirectoryMode, {}); }

void CpioWriter::AddFile(std::string_view path, Bytes contents) { AddEntry(path, kFileMode, contents); }

void CpioWriter::Finish() { AddEntry(kEnd, 0, {}); }

size_t CpioWriter::EntryBytes(std::string_view path, size_t contents) {
  return static_cast<size_t>(AlignUp(kHeaderBytes + path.size() + 1, 4) + AlignUp(contents, 4));
}

void CpioWriter::AddEntry(std::string_view path, uint32_t mode, Bytes contents) {
  // Times are zero: the same contents give the same bytes.
  std::array<char, kHeaderBytes + 1> header;
  const int length =
      snprintf(header.data(), header.size(), "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
               path == kEnd ? 0 : next_inode_++, mode, 0U, 0U, 1U, 0U, static_cast<uint32_t>(contents.size()), 0U, 0U,
               0U, 0U, static_cast<uint32_t>(path.size() + 1), 0U);
  Require(length == kHeaderBytes);
  const size_t end = bytes_.size() + EntryBytes(path, contents.size());
  Require(end <= bytes_.capacity());
  bytes_.insert(bytes_.end(), header.begin(), header.end() - 1);
  bytes_.insert(bytes_.end(), path.begin(), path.end());
  bytes_.resize(static_cast<size_t>(AlignUp(bytes_.size() + 1, 4)));
  bytes_.insert(bytes_.end(), contents.begin(), contents.end());
  bytes_.resize(end);
}

}  // namespace crashdump
