// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/writer/page_filler.h"

#include <algorithm>
#include <cinttypes>

#include "common/vmcore/zero_page.h"

namespace crashdump {

Result<PageFiller> PageFiller::Create(const Vmcore& vmcore, const PhysicalMemory& memory, PageClassifier& classifier,
                                      DumpLevel level) {
  const uint64_t page_size = vmcore.page_size();
  if (page_size < kMinPageBytes || page_size > kMaxPageBytes) {
    return Error::Format(ErrorCode::kUnsupported,
                         "pages of %" PRIu64 " bytes: a dump has pages of %" PRIu32 " to %" PRIu32, page_size,
                         kMinPageBytes, kMaxPageBytes);
  }
  PageReader reader = TRY(PageReader::Create(vmcore, memory));
  return PageFiller(memory, classifier, level, std::move(reader), static_cast<uint32_t>(page_size));
}

PageFiller::PageFiller(const PhysicalMemory& memory, PageClassifier& classifier, DumpLevel level, PageReader reader,
                       uint32_t page_bytes)
    : memory_(&memory),
      classifier_(&classifier),
      level_(level),
      reader_(std::move(reader)),
      page_bytes_(page_bytes),
      order_(CaptureOrder(level)),
      census_(memory, page_bytes),
      shared_(std::make_unique<Shared>()) {}

std::vector<std::string> PageFiller::TakeCensus(const std::atomic<bool>& stop,
                                                const std::function<void(uint64_t)>& progress) {
  census_taken_ = census_.Take(*classifier_, stop, progress);
  if (!census_taken_) return {};
  std::vector<std::string> doubts = classifier_->Doubts(census_.totals());
  if (!doubts.empty()) {
    // Classes may be wrong; their order is still the best guess of what matters.
    level_ = level_.WithEveryClass();
    order_ = CaptureOrder(level_);
  }
  for (const PageClass page_class : kAllPageClasses) {
    if (level_.Keeps(page_class)) kept_pages_ += CountOf(census_.totals(), page_class);
  }
  return doubts;
}

void PageFiller::Fill(ChunkBuilder& builder) {
  if (!census_taken_) return;
  const uint64_t enough = done_pages() + kFillBytes / page_bytes_;
  while (done_pages() < enough || builder.empty()) {
    if (span_.pfns.empty() && !NextSpan()) {
      // A chunk has pages of one pass, so that it is known what a dump without it is complete for.
      if (!builder.empty()) return;
      finished_ = pass_ + 1 >= order_.size();
      if (finished_) return;
      ++pass_;
      next_section_ = 0;
      continue;
    }
    if (!AddSpan(builder)) return;
  }
}

bool PageFiller::HasPagesOfPass(const PageCensus::Section& section) const {
  return std::any_of(kAllPageClasses.begin(), kAllPageClasses.end(), [&](PageClass page_class) {
    return section.counts[static_cast<size_t>(page_class)] != 0 && order_[pass_].Contains(page_class);
  });
}

bool PageFiller::NextSection() {
  while (next_section_ < census_.sections().size()) {
    const size_t index = next_section_++;
    const PageCensus::Section& section = census_.sections()[index];
    if (!HasPagesOfPass(section)) continue;
    const PageCensus::Look look = census_.Classes(*classifier_, index);
    if (!look.is_as_counted) {
      // Another class, another pass: a page could come twice, and a reader stops there. What the first pass finds is
      // safe from that.
      ++changed_sections_;
      census_.Forget(index);
      if (pass_ != 0) continue;
    }
    classes_ = look.classes;
    next_pfn_ = section.first_pfn;
    return true;
  }
  return false;
}

bool PageFiller::NextSpan() {
  const PageClassSet wanted = order_[pass_];
  while (true) {
    const auto is_wanted = [&](PageClass page_class) { return wanted.Contains(page_class); };
    const auto first = std::find_if(classes_.begin(), classes_.end(), is_wanted);
    if (first == classes_.end()) {
      classes_ = {};
      if (!NextSection()) return false;
      continue;
    }
    const auto limit = first + std::min(classes_.end() - first, static_cast<ptrdiff_t>(kSpanBytes / page_bytes_));
    const auto end = std::find_if_not(first, limit, is_wanted);
    const uint64_t begin_pfn = next_pfn_ + static_cast<uint64_t>(first - classes_.begin());
    span_ = reader_.Read({begin_pfn, begin_pfn + static_cast<uint64_t>(end - first)});
    // The reader may have given less.
    classes_ = classes_.subspan(static_cast<size_t>(span_.pfns.end - next_pfn_));
    next_pfn_ = span_.pfns.end;
    return true;
  }
}

bool PageFiller::AddSpan(ChunkBuilder& builder) {
  using Added = ChunkBuilder::Added;
  const uint64_t begin = span_.pfns.begin;
  if (span_.state == PageSpan::State::kUnreadable) {
    if (!first_failure_) {
      const std::optional<Error>& why = reader_.last_error();
      first_failure_ = {begin, why ? *why : Error::Format(ErrorCode::kOs, "unreadable")};
    }
    if (builder.AddUnreadable(begin, static_cast<uint32_t>(span_.pfns.size())) == Added::kFull) return false;
    span_.pfns.begin = span_.pfns.end;
  } else if (span_.state == PageSpan::State::kAbsent) {
    span_.pfns.begin = span_.pfns.end;
  }
  while (!span_.pfns.empty()) {
    const Bytes page = span_.data.first(page_bytes_);
    const Added added = level_.drops_zero_pages() && IsZeroPage(page) ? builder.AddZero(span_.pfns.begin, 1)
                                                                      : builder.AddPage(span_.pfns.begin, page);
    if (added == Added::kFull) break;
    span_.data = span_.data.subspan(page_bytes_);
    ++span_.pfns.begin;
  }
  Done(span_.pfns.begin - begin);
  return span_.pfns.empty();
}

}  // namespace crashdump
