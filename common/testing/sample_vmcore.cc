// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/testing/sample_vmcore.h"

#include <algorithm>
#include <cstring>

#include "common/testing/printk_builder.h"
#include "common/testing/random.h"

namespace crashdump::testing {
namespace {

constexpr uint64_t kPage = 4096;
constexpr uint32_t kMostSecondPages = 40;
constexpr uint64_t kDirectMap = 0xffff888000000000;
constexpr uint64_t kText = 0xffffffff81000000;
constexpr uint32_t kTextPages = 16;  // from the first page on
constexpr uint64_t kLogVirtual = kDirectMap + (kSampleSecondPfn + 0x100) * kPage;

std::vector<uint8_t> MakePage(uint64_t pfn, uint64_t crash, SamplePages kind) {
  std::vector<uint8_t> page(kPage);
  if (kind == SamplePages::kMixed && pfn % 3 == 0) return page;
  Random random(pfn + (crash << 32));
  // Every fourth page is noise, the others repeat themselves.
  if (kind == SamplePages::kNoise || pfn % 4 == 1) {
    for (size_t i = 0; i < kPage; i += sizeof(uint64_t)) {
      const uint64_t word = random.Next();
      memcpy(page.data() + i, &word, sizeof(word));
    }
  } else {
    for (size_t i = 0; i < kPage; i += 64) {
      std::fill_n(page.begin() + static_cast<ptrdiff_t>(i), 64, static_cast<uint8_t>(pfn + crash + i / 64));
    }
  }
  page[kPage - 1] = 1;  // never zero, and told apart from a zero page by its last byte alone
  return page;
}

}  // namespace

SampleVmcore MakeSampleVmcore(uint32_t page_count, uint64_t crash, SamplePages kind) {
  SampleVmcore sample;
  sample.crash_time = 1700000000 + crash;
  const auto make_pages = [&](uint64_t first_pfn, uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) sample.pages[first_pfn + i] = MakePage(first_pfn + i, crash, kind);
  };
  const auto bytes_of = [&](uint64_t first_pfn, uint32_t count) {
    std::vector<uint8_t> bytes;
    bytes.reserve(count * kPage);
    for (uint32_t i = 0; i < count; ++i) {
      const std::vector<uint8_t>& page = sample.pages[first_pfn + i];
      bytes.insert(bytes.end(), page.begin(), page.end());
    }
    return bytes;
  };
  const uint32_t second_count = std::min(page_count, kMostSecondPages);
  make_pages(kSampleFirstPfn, page_count);
  make_pages(kSampleSecondPfn, second_count);

  VmcoreBuilder builder;
  builder.AddCpu().AddCpu().Info("CRASHTIME", std::to_string(sample.crash_time));
  builder.AddLoad({.physical = kSampleFirstPfn * kPage,
                   .data = bytes_of(kSampleFirstPfn, std::min(page_count, kTextPages)),
                   .virtual_address = kText});
  builder.AddLoad({.physical = kSampleFirstPfn * kPage,
                   .data = bytes_of(kSampleFirstPfn, page_count),
                   .virtual_address = kDirectMap + kSampleFirstPfn * kPage});
  builder.AddLoad({.physical = kSampleSecondPfn * kPage,
                   .data = bytes_of(kSampleSecondPfn, second_count),
                   .virtual_address = kDirectMap + kSampleSecondPfn * kPage});
  PrintkBuilder log(TargetFormat(), kLogVirtual);
  sample.last_message = "Kernel panic - not syncing: \x1b[31msample";
  if (crash != 0) sample.last_message += " " + std::to_string(crash);
  log.Add("Linux version 6.1.0-test").Add("sysrq: Trigger a crash").Add(sample.last_message);
  const uint64_t log_pfn = kSampleSecondPfn + 0x100;
  log.AddTo(builder, log_pfn * kPage);
  sample.file = builder.Build();

  const std::vector<uint8_t>& memory = log.memory();
  for (uint64_t at = 0; at < memory.size(); at += kPage) {
    std::vector<uint8_t> page(kPage);
    std::copy_n(memory.begin() + static_cast<ptrdiff_t>(at), std::min(kPage, memory.size() - at), page.begin());
    sample.pages[log_pfn + at / kPage] = std::move(page);
  }
  for (const auto& [pfn, page] : sample.pages) sample.zero_pages += AllZero(page) ? 1 : 0;
  return sample;
}

Vmcore SampleVmcore::Open() const { return Vmcore::Open(std::make_unique<OwnedSource>(file)).TakeValue(); }

uint64_t SampleVmcore::FileOffset(uint64_t pfn) const {
  const Vmcore vmcore = Open();
  for (const ElfSegment& load : vmcore.loads()) {
    if (load.virtual_address < kText && load.physical().Contains(pfn * kPage)) {
      return load.file_offset + (pfn * kPage - load.physical_address);
    }
  }
  return 0;
}

}  // namespace crashdump::testing
