// SPDX-License-Identifier: GPL-2.0-or-later
// Authentic dumps of machines that cannot be: facts, VMCOREINFO and notes are any bytes, and the pages are anywhere.
// The input: a byte that chooses the format, one with the number of page runs, the runs {kind, number (16 bits), where
// in memory and how many}, then the three texts with zero bytes between them.
// Fuzzes: dump_image.cc vmcore_exporter.cc kdump_exporter.cc elf_exporter.cc dump_repacker.cc page_encoder.cc
// page_pipeline.cc
#include <algorithm>
#include <vector>

#include "common/testing/dump_builder.h"
#include "common/testing/fuzzer.h"
#include "recover/vmcore_exporter.h"

namespace crashdump {
namespace {

constexpr size_t kHeadBytes = 2;
constexpr size_t kRunBytes = 4;
constexpr size_t kMaxRuns = 8;

// A file of which only the places are kept.
class Places final : public ByteSink {
 public:
  Result<> WriteAt(uint64_t offset, Bytes data) override {
    if (total_ > kLimit) return Error::Format(ErrorCode::kNoSpace, "full");
    total_ += data.size();
    ranges_.push_back({offset, offset + data.size()});
    return {};
  }
  Result<> Flush() override { return {}; }

  void CheckNoByteTwice(uint64_t file_bytes) {
    std::sort(ranges_.begin(), ranges_.end(), [](const Range& a, const Range& b) { return a.begin < b.begin; });
    uint64_t end = 0;
    for (const Range& range : ranges_) {
      Require(range.begin >= end && range.end <= file_bytes);
      end = range.end;
    }
  }

 private:
  static constexpr uint64_t kLimit = 4 * kMiB;

  std::vector<Range> ranges_;
  uint64_t total_ = 0;
};

std::string TakeText(Bytes& input) {
  const auto end = std::find(input.begin(), input.end(), uint8_t{0});
  std::string text(input.begin(), end);
  input = input.subspan(std::min(input.size(), text.size() + 1));
  return text;
}

DumpPlan PlanOf(Bytes input, size_t runs) {
  DumpPlan plan = FilePlan(0);
  for (; runs > 0 && input.size() >= kRunBytes; --runs, input = input.subspan(kRunBytes)) {
    // Near the beginning of memory, or far beyond any.
    const unsigned shift = input[3] >> 4U;
    const uint64_t number = input[1] + uint64_t{256} * input[2];
    plan.pages.push_back({.kind = static_cast<PageKind>(1 + input[0] % 3),
                          .first_pfn = std::min(number << (2 * shift), kPfnLimit - 64),
                          .page_count = 1U + (input[3] & 0xfU)});
  }
  plan.machine_facts = TakeText(input);
  plan.vmcoreinfo = TakeText(input);
  plan.elf_notes.assign(input.begin(), input.end());
  const DumpSection sections[] = {{ObjectType::kMachineFacts, BytesOf(plan.machine_facts)},
                                  {ObjectType::kVmcoreinfo, BytesOf(plan.vmcoreinfo)},
                                  {ObjectType::kMessages, BytesOf(plan.messages)}};
  plan.parameters.layout = FileLayout(DumpWriter::MeasureMessages(sections).TakeValue());
  return plan;
}

void Run(Bytes input) {
  static const bool ready = InitializeCrypto().ok();
  Require(ready);
  if (input.size() < kHeadBytes) return;
  constexpr VmcoreFormat kFormats[] = {VmcoreFormat::kKdump, VmcoreFormat::kElf, VmcoreFormat::kCrashdump};
  constexpr PageCompression kCompressions[] = {PageCompression::kNone, PageCompression::kZstd, PageCompression::kZlib};
  const EncodeOptions options{.compression = kCompressions[(input[0] >> 4U) % 3], .threads = 1};
  MemorySink written;
  if (!WriteDump(PlanOf(input.subspan(kHeadBytes), input[1] % (kMaxRuns + 1)), written).ok()) return;
  const MemorySource source(written.bytes());
  DumpReader reader = DumpReader::OpenFile(source).TakeValue();
  const Result<DumpImage> image = DumpImage::Read(reader);
  if (!image.ok() || image.value().page_count() == 0) return;
  const Result<std::unique_ptr<VmcoreExporter>> exporter =
      MakeExporter(kFormats[(input[0] & 0xfU) % 3], reader, image.value(), options);
  if (!exporter.ok()) return;
  (void)exporter.value()->ExpectedBytes();
  Places places;
  uint64_t exported = 0;
  const Result<uint64_t> bytes = exporter.value()->Write(places, [&exported](uint64_t pages) { exported = pages; });
  if (!bytes.ok()) return;
  Require(exported >= image.value().page_count());
  places.CheckNoByteTwice(bytes.value());
}

testing::FuzzerInput Seed(uint8_t format, std::initializer_list<uint8_t> runs, std::string_view facts,
                          std::string_view notes) {
  testing::FuzzerInput input = {format, static_cast<uint8_t>(runs.size() / kRunBytes)};
  input.insert(input.end(), runs);
  for (const std::string_view text : {facts, std::string_view("OSRELEASE=6.1.0-test\nphys_base=1000\n"), notes}) {
    input.insert(input.end(), text.begin(), text.end());
    input.push_back(0);
  }
  return input;
}

std::vector<testing::FuzzerInput> Seeds() {
  constexpr std::string_view kNote("\5\0\0\0\4\0\0\0\1\0\0\0CORE\0\0\0\0abcd", 24);
  return {
      Seed(0x10, {0, 0, 1, 7, 0, 0, 2, 3}, "elf_machine=62\nload=100000,10000,10000,ffffffff81000000\ncpus=2\n", kNote),
      Seed(0x21, {0, 5, 1, 7, 0, 4, 0, 0x43}, "elf_machine=62\nload=100000,100000,100000,ffff888000100000\n", ""),
      Seed(0x00, {0, 1, 0, 1}, "elf_machine=3\nelf_class=32\nrelease=6.1\nmachine=i686\n", kNote),
      Seed(0x01, {2, 1, 0, 1, 0, 9, 0, 1}, "elf_machine=21\nbyte_order=big\nload=0,1000,2000,0\n", ""),
      Seed(0x02, {0, 1, 0, 1}, "dump_level=31\n", kNote)};
}

const testing::Fuzzer fuzzer("vmcore_exporter", Run, Seeds);

}  // namespace
}  // namespace crashdump
