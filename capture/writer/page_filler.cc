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

void PageFiller::Fill(ChunkBuilder& builder) {
  const uint64_t enough = done_pages() + kFillPages;
  while (done_pages() < enough || builder.empty()) {
    if (span_.pfns.empty() && !NextSpan()) return;
    if (!AddSpan(builder)) return;
  }
}

bool PageFiller::NextWindow() {
  const std::vector<Range>& ranges = memory_->ranges();
  uint64_t begin = window_.end;
  if (range_ < ranges.size() && begin >= ranges[range_].end) ++range_;
  if (range_ == ranges.size()) return false;
  begin = std::max(begin, ranges[range_].begin);
  window_ = {begin, std::min(begin + kWindowPages, ranges[range_].end)};
  class_ = 0;
  classifier_->Classify(window_, std::span(classes_).first(static_cast<size_t>(window_.size())));
  return true;
}

bool PageFiller::NextSpan() {
  while (true) {
    if (window_.empty() && !NextWindow()) return false;
    // The longest run with one fate.
    const bool keep = level_.Keeps(classes_[class_]);
    uint64_t count = 0;
    while (count < window_.size() && level_.Keeps(classes_[class_ + count]) == keep) {
      auto& counts = keep ? tally_.kept : tally_.left_out;
      ++counts[static_cast<size_t>(classes_[class_ + count])];
      ++count;
    }
    if (!keep) {
      window_.begin += count;
      class_ += count;
      Done(count);
      continue;
    }
    span_ = reader_.Read({window_.begin, window_.begin + count});
    // What the reader did not give at once is counted again with the next span.
    for (uint64_t i = span_.pfns.size(); i < count; ++i) --tally_.kept[static_cast<size_t>(classes_[class_ + i])];
    window_.begin += span_.pfns.size();
    class_ += span_.pfns.size();
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
