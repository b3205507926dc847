// SPDX-License-Identifier: GPL-2.0-or-later
#include "recover/flattened_sink.h"

#include <array>
#include <cstddef>
#include <string_view>

#include "common/base/io.h"
#include "common/vmcore/target_data.h"

namespace crashdump {
namespace {

constexpr size_t kHeaderBytes = 4096;
constexpr std::string_view kSignature = "makedumpfile";
constexpr size_t kTypeOffset = 16;
constexpr size_t kVersionOffset = 24;
constexpr uint64_t kTypeFlattened = 1;
constexpr uint64_t kVersion = 1;
// Offset and length of the record that ends the stream.
constexpr uint64_t kEnd = UINT64_MAX;

void StoreBig(MutableBytes bytes, size_t offset, uint64_t value) {
  StoreInteger(bytes.subspan(offset, sizeof(value)), value, ByteOrder::kBig);
}

std::array<uint8_t, 16> RecordHeader(uint64_t offset, uint64_t bytes) {
  std::array<uint8_t, 16> header{};
  StoreBig(header, 0, offset);
  StoreBig(header, 8, bytes);
  return header;
}

}  // namespace

Result<FlattenedSink> FlattenedSink::Create(int fd) {
  FlattenedSink sink(fd);
  std::array<uint8_t, kHeaderBytes> header{};
  memcpy(header.data(), kSignature.data(), kSignature.size());
  StoreBig(header, kTypeOffset, kTypeFlattened);
  StoreBig(header, kVersionOffset, kVersion);
  TRY(sink.Write(header));
  return sink;
}

Result<> FlattenedSink::Write(Bytes bytes) {
  TRY(WriteFull(fd_, bytes));
  stream_bytes_ += bytes.size();
  return {};
}

Result<> FlattenedSink::WriteAt(uint64_t offset, Bytes data) {
  TRY(Write(RecordHeader(offset, data.size())));
  return Write(data);
}

Result<> FlattenedSink::Finish() { return Write(RecordHeader(kEnd, kEnd)); }

}  // namespace crashdump
