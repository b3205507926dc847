// SPDX-License-Identifier: GPL-2.0-or-later
#include "recover/flattened_sink.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <map>

#include "common/base/file_sink.h"
#include "common/base/unique_fd.h"
#include "common/crypto/crypto.h"
#include "common/testing/dump_builder.h"
#include "common/vmcore/target_data.h"
#include "recover/kdump_exporter.h"

namespace crashdump {
namespace {

std::vector<uint8_t> Contents(int fd) {
  std::vector<uint8_t> bytes(static_cast<size_t>(lseek(fd, 0, SEEK_END)));
  EXPECT_TRUE(PreadFull(fd, 0, bytes).ok());
  return bytes;
}

uint64_t Big(Bytes bytes, size_t offset) { return LoadInteger(bytes.subspan(offset, 8), ByteOrder::kBig); }

// The records by offset; each must be there once, not empty, and overlap no other.
std::map<uint64_t, Bytes> Records(Bytes stream) {
  EXPECT_EQ(TextOf(stream.first(16)), std::string_view("makedumpfile\0\0\0\0", 16));
  EXPECT_EQ(Big(stream, 16), 1U);
  EXPECT_EQ(Big(stream, 24), 1U);
  EXPECT_TRUE(AllZero(stream.subspan(32, 4096 - 32)));
  std::map<uint64_t, Bytes> records;
  size_t at = 4096;
  while (Big(stream, at) != UINT64_MAX) {
    const auto bytes = static_cast<size_t>(Big(stream, at + 8));
    EXPECT_GT(bytes, 0U);
    EXPECT_TRUE(records.emplace(Big(stream, at), stream.subspan(at + 16, bytes)).second);
    at += 16 + bytes;
  }
  EXPECT_EQ(Big(stream, at + 8), UINT64_MAX);
  EXPECT_EQ(at + 16, stream.size());
  uint64_t end = 0;
  for (const auto& [offset, bytes] : records) {
    EXPECT_GE(offset, end);
    end = offset + bytes.size();
  }
  return records;
}

TEST(FlattenedSink, RecordsSayWhatGoesWhere) {
  const UniqueFd fd(memfd_create("stream", MFD_CLOEXEC));
  FlattenedSink sink = FlattenedSink::Create(fd.get()).TakeValue();
  ASSERT_TRUE(sink.WriteAt(0x123456789abc, BytesOf(std::string_view("behind"))).ok());
  ASSERT_TRUE(sink.WriteAt(0, BytesOf(std::string_view("first"))).ok());
  ASSERT_TRUE(sink.Finish().ok());
  const std::vector<uint8_t> stream = Contents(fd.get());
  EXPECT_EQ(stream.size(), sink.stream_bytes());
  const std::map<uint64_t, Bytes> records = Records(stream);
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(TextOf(records.at(0)), "first");
  EXPECT_EQ(TextOf(records.at(0x123456789abc)), "behind");
}

TEST(FlattenedSink, APipeThatNobodyReadsIsAnError) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe(ends.data()), 0);
  (void)close(ends[0]);
  const UniqueFd fd(ends[1]);
  (void)signal(SIGPIPE, SIG_IGN);
  const Result<FlattenedSink> sink = FlattenedSink::Create(fd.get());
  (void)signal(SIGPIPE, SIG_DFL);
  ASSERT_FALSE(sink.ok());
  EXPECT_EQ(sink.error().os_error(), EPIPE);
}

TEST(FlattenedSink, AKdumpFileComesOutOfFewRecordsAsItIs) {
  ASSERT_TRUE(InitializeCrypto().ok());
  DumpPlan plan = FilePlan(0);
  plan.machine_facts = "machine=x86_64\nload=0,4000000,4000000,ffff888000000000\n";
  for (uint64_t pfn = 0; pfn < 0x4000; pfn += 2) plan.pages.push_back({PageKind::kData, pfn, 1});
  const std::vector<uint8_t> dump = BuildDump(plan);
  const MemorySource source(dump);
  DumpReader reader = DumpReader::OpenFile(source).TakeValue();
  const DumpImage image = DumpImage::Read(reader).TakeValue();
  const KdumpExporter exporter =
      KdumpExporter::Create(image, {.compression = PageCompression::kNone, .threads = 2}).TakeValue();

  const UniqueFd file(memfd_create("file", MFD_CLOEXEC));
  FileSink file_sink(file.get());
  const uint64_t bytes = exporter.Write(file_sink, {}).TakeValue();
  const UniqueFd fd(memfd_create("stream", MFD_CLOEXEC));
  FlattenedSink sink = FlattenedSink::Create(fd.get()).TakeValue();
  EXPECT_EQ(exporter.Write(sink, {}).TakeValue(), bytes);
  ASSERT_TRUE(sink.Finish().ok());

  const std::vector<uint8_t> stream = Contents(fd.get());
  const std::map<uint64_t, Bytes> records = Records(stream);
  // 32 MiB of pages, in pieces of 4 MiB, and what precedes them.
  EXPECT_LE(records.size(), 10U);
  std::vector<uint8_t> restored(static_cast<size_t>(bytes));
  for (const auto& [offset, data] : records) {
    ASSERT_LE(offset + data.size(), bytes);
    memcpy(restored.data() + offset, data.data(), data.size());
  }
  EXPECT_EQ(restored, Contents(file.get()));
}

}  // namespace
}  // namespace crashdump
