// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/vmcore/struct_page_classifier.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>

#include "common/vmcore/free_page_count.h"

namespace crashdump {
namespace {

// 16 GiB of 4 KiB pages: no architecture has larger huge pages.
constexpr uint64_t kMaxCompoundOrder = 22;

// Anonymous memory: bit 0 of `mapping`; with bit 1 it is shared by KSM (Linux include/linux/page-flags.h,
// PAGE_MAPPING_ANON, since 6.17 FOLIO_MAPPING_ANON).
constexpr uint64_t kMappingAnonymous = 1;

// How this program's own machine stores integers; whether it is the crashed one's way is asked at run time.
constexpr ByteOrder kOwnOrder = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ByteOrder::kLittle : ByteOrder::kBig;

// Whether the page has a type, whichever: ordinary pages count their mappings from -1 on.
bool HasType(const StructPage& page) { return static_cast<int32_t>(page.mapcount) < -1; }

}  // namespace

StructPageClassifier::StructPageClassifier(StructPageLayout layout, StructPageReader reader, uint64_t page_bytes,
                                           std::optional<uint64_t> kernel_free_pages)
    : layout_(std::move(layout)),
      reader_(std::move(reader)),
      vmemmap_page_bytes_(page_bytes),
      kernel_free_pages_(kernel_free_pages),
      is_native_(layout_.format == TargetFormat{.order = kOwnOrder, .word = WordSize::k64}) {}

Result<std::unique_ptr<PageClassifier>> StructPageClassifier::Open(const KernelMemory& kernel,
                                                                   const PhysicalMemory& physical) {
  StructPageLayout layout = TRY(StructPageLayout::Read(kernel.vmcoreinfo(), kernel.format()));
  MemoryMap map = TRY(MemoryMap::Open(kernel, physical, layout.bytes));
  StructPageReader reader = TRY(StructPageReader::Create(kernel, physical, std::move(map), layout.bytes));
  const Result<uint64_t> free_pages = CountedFreePages(kernel);
  if (!free_pages.ok()) {
    layout.notes.push_back(std::string("the kernel's own count of free pages is not known: ") +
                           free_pages.error().text());
  }
  return std::unique_ptr<PageClassifier>(
      new StructPageClassifier(std::move(layout), std::move(reader), kernel.vmcore().page_size(),
                               free_pages.ok() ? std::optional(free_pages.value()) : std::nullopt));
}

void StructPageClassifier::Classify(Range pfns, OpenBlock& open, std::span<PageClass> classes) {
  Require(classes.size() == pfns.size());
  for (uint64_t pfn = pfns.begin; pfn < pfns.end;) {
    const StructPageReader::Window window = reader_.Read(pfn);
    const uint64_t end = std::min(window.pfns.end, pfns.end);
    const std::span<PageClass> out =
        classes.subspan(static_cast<size_t>(pfn - pfns.begin), static_cast<size_t>(end - pfn));
    if (window.pages.empty()) {
      std::fill(out.begin(), out.end(), PageClass::kUnclassified);
      if (window.is_unreadable) statistics_.unreadable_pages += end - pfn;
    } else {
      ClassifyWindow(pfn, window.pages, open, out);
    }
    pfn = end;
  }
}

StructPage StructPageClassifier::Load(Bytes page) const {
  const uint8_t* const bytes = page.data();
  if (is_native_) {
    // The usual case is worth its own: one instruction per field.
    const auto load = [bytes]<typename T>(uint32_t offset, T value) {
      memcpy(&value, bytes + offset, sizeof(value));
      return value;
    };
    return {.flags = load(layout_.flags, uint64_t{}),
            .mapping = load(layout_.mapping, uint64_t{}),
            .private_data = load(layout_.private_data, uint64_t{}),
            .compound = load(layout_.compound, uint64_t{}),
            .mapcount = load(layout_.mapcount, uint32_t{}),
            .refcount = load(layout_.refcount, uint32_t{})};
  }
  const auto load = [&](uint32_t offset, uint32_t size) {
    return LoadInteger(page.subspan(offset, size), layout_.format.order);
  };
  const uint32_t word = layout_.format.word_bytes();
  return {.flags = load(layout_.flags, word),
          .mapping = load(layout_.mapping, word),
          .private_data = load(layout_.private_data, word),
          .compound = load(layout_.compound, word),
          .mapcount = static_cast<uint32_t>(load(layout_.mapcount, sizeof(uint32_t))),
          .refcount = static_cast<uint32_t>(load(layout_.refcount, sizeof(uint32_t)))};
}

void StructPageClassifier::ClassifyWindow(uint64_t first_pfn, Bytes pages, OpenBlock& open,
                                          std::span<PageClass> classes) {
  const size_t bytes = layout_.bytes;
  for (size_t i = 0; i < classes.size(); ++i) {
    const uint64_t pfn = first_pfn + i;
    const size_t at = i * bytes;
    const StructPage page = Load(pages.subspan(at, bytes));
    if (pfn < open.end_pfn && !Continues(open, pfn, page)) {
      ++statistics_.contradicted_blocks;
      open = {};
    }
    PageClass page_class = open.page_class;
    if (pfn >= open.end_pfn) {
      const Bytes second = at + 2 * bytes <= pages.size() ? pages.subspan(at + bytes, bytes) : Bytes();
      const Verdict verdict = ClassifyFirst(pfn, page, second);
      page_class = verdict.page_class;
      if (verdict.pages > 1) {
        ++statistics_.blocks;
        open = {.end_pfn = pfn + verdict.pages, .page_class = page_class, .kind = verdict.kind};
      }
    }
    // Each page by itself: the others of its block may be well.
    classes[i] = IsPoisoned(page) ? PageClass::kNeverRead : page_class;
  }
}

bool StructPageClassifier::Continues(const OpenBlock& open, uint64_t pfn, const StructPage& page) const {
  switch (open.kind) {
    case OpenBlock::Kind::kNone:
      return false;
    case OpenBlock::Kind::kFree:
      // Nobody holds a reference to a page in the allocator.
      return page.refcount == 0;
    case OpenBlock::Kind::kCompound:
      return page.is_tail();
    case OpenBlock::Kind::kHugetlb: {
      // With HUGETLB_PAGE_OPTIMIZE_VMEMMAP all pages full of struct pages may be one page, so that the first struct
      // page of each looks like the first of all (page_fixed_fake_head(), 5.18).
      const uint64_t per_page = vmemmap_page_bytes_ / layout_.bytes;
      return page.is_tail() || (pfn % per_page == 0 && (page.flags & layout_.head) != 0);
    }
  }
  return false;
}

StructPageClassifier::Verdict StructPageClassifier::Block(uint64_t pfn, PageClass page_class, uint64_t order,
                                                          OpenBlock::Kind kind) {
  if (order > kMaxCompoundOrder || !IsAligned(pfn, uint64_t{1} << order)) {
    ++statistics_.blocks;
    ++statistics_.contradicted_blocks;
    return {};
  }
  return {.page_class = page_class, .pages = uint64_t{1} << order, .kind = kind};
}

// The order of the questions is makedumpfile's (__exclude_unnecessary_pages), but for slab and other types, which are
// the kernel's whatever the rest of their struct page looks like.
StructPageClassifier::Verdict StructPageClassifier::ClassifyFirst(uint64_t pfn, const StructPage& page,
                                                                  Bytes second_page) {
  using Kind = OpenBlock::Kind;
  if (page.is_tail()) return {};  // of a compound page whose first page is unknown
  const bool is_slab = IsSlab(page);
  if (!is_slab && layout_.buddy) {
    if (layout_.buddy->Matches(page.mapcount)) {
      if (page.private_data >= layout_.free_orders) return Block(pfn, PageClass::kFree, UINT64_MAX, Kind::kFree);
      return Block(pfn, PageClass::kFree, page.private_data, Kind::kFree);
    }
    if (layout_.unaccepted && layout_.unaccepted->Matches(page.mapcount)) {
      return Block(pfn, PageClass::kFree, layout_.free_orders - 1, Kind::kFree);
    }
  }
  uint64_t order = 0;
  bool is_hugetlb = false;
  if ((page.flags & layout_.head) != 0) {
    const std::optional<uint64_t> stated = CompoundOrder(second_page);
    if (!stated) return {};
    order = *stated;
    is_hugetlb = IsHugetlb(page, second_page);
  }
  PageClass page_class = PageClass::kKernel;
  if (!is_slab && layout_.offline && layout_.offline->Matches(page.mapcount)) {
    page_class = PageClass::kNeverRead;
  } else if (is_hugetlb && !is_slab) {
    // The first page's flag stands for all: which of them is bad is kept elsewhere.
    page_class = IsPoisoned(page) ? PageClass::kNeverRead : PageClass::kUser;
  } else if (is_slab || HasType(page)) {
    page_class = PageClass::kKernel;
  } else if ((page.mapping & kMappingAnonymous) != 0) {
    page_class = PageClass::kUser;
  } else if (IsCache(page)) {
    const bool is_clean = layout_.private_flag != 0 && (page.flags & layout_.private_flag) == 0;
    page_class = is_clean ? PageClass::kCacheClean : PageClass::kCachePrivate;
  }
  if (order == 0) return {.page_class = page_class};
  return Block(pfn, page_class, order, is_hugetlb ? Kind::kHugetlb : Kind::kCompound);
}

std::optional<uint64_t> StructPageClassifier::CompoundOrder(Bytes second_page) const {
  using OrderPlace = StructPageLayout::OrderPlace;
  if (second_page.empty()) return std::nullopt;
  switch (layout_.order_place) {
    case OrderPlace::kUnknown:
      return std::nullopt;
    case OrderPlace::kByte:
      return second_page[layout_.order_offset];
    case OrderPlace::kLowFlagByte:
      return Load(second_page).flags & 0xff;
  }
  return std::nullopt;
}

bool StructPageClassifier::IsPoisoned(const StructPage& page) const { return (page.flags & layout_.hwpoison) != 0; }

bool StructPageClassifier::IsSlab(const StructPage& page) const {
  return layout_.slab ? layout_.slab->Matches(page.mapcount) : (page.flags & layout_.slab_flag) != 0;
}

bool StructPageClassifier::IsHugetlb(const StructPage& page, Bytes second_page) const {
  using HugetlbMark = StructPageLayout::HugetlbMark;
  switch (layout_.hugetlb_mark) {
    case HugetlbMark::kUnknown:
      return false;
    case HugetlbMark::kDestructor:
      return second_page[layout_.destructor_offset] == layout_.hugetlb_destructor;
    case HugetlbMark::kFlag:
      return (Load(second_page).flags & layout_.hugetlb_flag) != 0;
    case HugetlbMark::kType:
      return layout_.hugetlb->Matches(page.mapcount);
  }
  return false;
}

bool StructPageClassifier::IsCache(const StructPage& page) const {
  if ((page.flags & layout_.lru) != 0) return true;
  return (page.flags & layout_.swap_backed) != 0 && (page.flags & layout_.swap_cache) != 0;
}

std::vector<std::string> StructPageClassifier::Remarks() const {
  if (statistics_.unreadable_pages == 0) return {};
  return {"the struct pages of " + std::to_string(statistics_.unreadable_pages) +
          " pages cannot be read: these pages are kept"};
}

std::vector<std::string> StructPageClassifier::Doubts(const PageCounts& counted) const {
  constexpr uint64_t kSmallMachine = 16384;  // pages; of fewer there may be no free one
  constexpr uint64_t kSlack = 8192;          // pages that are counted late (per-CPU differences), generously
  std::vector<std::string> doubts;
  const auto add = [&doubts](const char* format, uint64_t a, uint64_t b) __attribute__((format(printf, 2, 0))) {
    char line[200];
    (void)snprintf(line, sizeof(line), format, a, b);
    doubts.emplace_back(line);
  };
  const uint64_t free_pages = CountOf(counted, PageClass::kFree);
  if (layout_.buddy && SumOf(counted) > kSmallMachine) {
    if (!kernel_free_pages_ && free_pages == 0) {
      add("no free page was found among %" PRIu64 ", in %" PRIu64 " blocks", SumOf(counted), statistics_.blocks);
    } else if (kernel_free_pages_ && *kernel_free_pages_ > kSlack && free_pages < *kernel_free_pages_ / 2) {
      add("only %" PRIu64 " free pages were found, where the kernel counts %" PRIu64, free_pages, *kernel_free_pages_);
    }
  }
  if (kernel_free_pages_ && free_pages > *kernel_free_pages_ + *kernel_free_pages_ / 16 + kSlack) {
    add("%" PRIu64 " free pages were found, but the kernel counts %" PRIu64, free_pages, *kernel_free_pages_);
  }
  if (statistics_.contradicted_blocks > statistics_.blocks / 64 + 16) {
    add("%" PRIu64 " of %" PRIu64 " blocks of pages contradict themselves", statistics_.contradicted_blocks,
        statistics_.blocks);
  }
  return doubts;
}

}  // namespace crashdump
