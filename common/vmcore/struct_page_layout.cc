// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/vmcore/struct_page_layout.h"

#include <algorithm>
#include <string_view>

#include "common/base/parse.h"

namespace crashdump {
namespace {

using Presence = VmcoreinfoField::Presence;
using Kind = VmcoreinfoKind;

// The kernel's struct page has 32 to 96 bytes; more is damage.
constexpr uint64_t kMinStructBytes = 16;
constexpr uint64_t kMaxStructBytes = 256;
constexpr uint64_t kMaxFreeOrders = 64;

// Reads keys and checks that what they say can be. The first thing that cannot is the error.
class Keys {
 public:
  Keys(const Vmcoreinfo& vmcoreinfo, TargetFormat format) : vmcoreinfo_(vmcoreinfo), format_(format) {}

  Result<uint32_t> StructBytes() {
    uint64_t bytes = 0;
    TRY(vmcoreinfo_.Fill({{Kind::kSize, "page", &bytes, Presence::kRequired, kMaxStructBytes}}));
    if (bytes < kMinStructBytes || bytes % format_.word_bytes() != 0) {
      return Error::Format(ErrorCode::kCorrupt, "VMCOREINFO: a struct page of %u bytes", static_cast<unsigned>(bytes));
    }
    struct_bytes_ = bytes;
    return static_cast<uint32_t>(bytes);
  }

  // The offset of a field of `size` bytes; nothing if there is no such key.
  Result<std::optional<uint32_t>> Offset(std::string_view name, uint64_t size, uint64_t minus = 0) {
    const Result<uint64_t> offset = vmcoreinfo_.Offset(name);
    if (!offset.ok() && offset.error().code() == ErrorCode::kNotFound) return std::optional<uint32_t>();
    if (!offset.ok()) return offset.error();
    const uint64_t begin = offset.value() - minus;
    if (offset.value() < minus || begin > struct_bytes_ - size) {
      return Error::Format(ErrorCode::kCorrupt, "VMCOREINFO: OFFSET(%.*s) is not within struct page",
                           static_cast<int>(name.size()), name.data());
    }
    return std::optional(static_cast<uint32_t>(begin));
  }

  Result<uint32_t> RequiredOffset(std::string_view name, std::string_view other_name, uint64_t size) {
    for (const std::string_view candidate : {name, other_name}) {
      if (candidate.empty()) continue;
      const std::optional<uint32_t> offset = TRY(Offset(candidate, size));
      if (offset) return *offset;
    }
    return vmcoreinfo_.Offset(name).error();
  }

  std::optional<int64_t> Number(std::string_view name) {
    const Result<int64_t> number = vmcoreinfo_.Number(name);
    if (!number.ok()) return std::nullopt;
    return number.value();
  }

  // The mask of the flag with this number; 0 if there is none.
  uint64_t Flag(std::string_view name) {
    const std::optional<int64_t> bit = Number(name);
    if (!bit || *bit < 0 || *bit >= static_cast<int64_t>(format_.word_bytes()) * 8) return 0;
    return uint64_t{1} << *bit;
  }

  std::optional<PageType> Type(std::string_view name) {
    const std::optional<int64_t> value = Number(name);
    // Ordinary pages count their mappings from -1 on: a type that any of them had would be damage.
    if (!value || static_cast<int32_t>(*value) >= -1) return std::nullopt;
    return PageType(static_cast<uint32_t>(*value));
  }

  // Whether OSRELEASE says this version or a later one; false if it says nothing.
  bool IsAtLeast(uint64_t major, uint64_t minor) {
    const Result<std::string_view> release = vmcoreinfo_.OsRelease();
    if (!release.ok()) return false;
    const std::string_view text = release.value();
    const auto number_at = [&](size_t begin) {
      const size_t end = std::min(text.find_first_not_of("0123456789", begin), text.size());
      return ParseNumber(text.substr(begin, end - begin));
    };
    const size_t dot = text.find('.');
    if (dot == std::string_view::npos) return false;
    const Result<uint64_t> first = number_at(0);
    const Result<uint64_t> second = number_at(dot + 1);
    if (!first.ok() || !second.ok()) return false;
    return first.value() != major ? first.value() > major : second.value() >= minor;
  }

 private:
  const Vmcoreinfo& vmcoreinfo_;
  TargetFormat format_;
  uint64_t struct_bytes_ = 0;
};

void ReadFlags(Keys& keys, StructPageLayout& layout) {
  layout.lru = keys.Flag("PG_lru");
  layout.private_flag = keys.Flag("PG_private");
  layout.swap_cache = keys.Flag("PG_swapcache");
  // Since 4.10 the number of PG_swapcache is another flag's too, and only both together mean the swap cache.
  layout.swap_backed = keys.Flag("PG_swapbacked");
  layout.hwpoison = keys.Flag("PG_hwpoison");  // none without CONFIG_MEMORY_FAILURE, and then there are no such pages
  layout.slab_flag = keys.Flag("PG_slab");     // until 6.9
  layout.head = static_cast<uint64_t>(keys.Number("PG_head_mask").value_or(0));
  if (layout.lru == 0) layout.notes.emplace_back("VMCOREINFO lacks NUMBER(PG_lru): the page cache is kept");
  if (layout.private_flag == 0) {
    layout.notes.emplace_back("VMCOREINFO lacks NUMBER(PG_private): all page cache counts as having private data");
  }
  if (layout.head == 0) {
    layout.notes.emplace_back("VMCOREINFO lacks NUMBER(PG_head_mask): compound pages are kept");
  }
}

Result<> ReadTypes(Keys& keys, const Vmcoreinfo& vmcoreinfo, StructPageLayout& layout) {
  layout.slab = keys.Type("PAGE_SLAB_MAPCOUNT_VALUE");  // since 6.10 (46df8e73a4a3)
  // Since 6.2 a slab's list overlays `mapping`: what is slab must be known before anything is taken for user memory.
  if (!layout.slab && layout.slab_flag == 0) {
    return Error::Format(ErrorCode::kNotFound,
                         "VMCOREINFO lacks both NUMBER(PG_slab) and NUMBER(PAGE_SLAB_MAPCOUNT_VALUE)");
  }
  layout.offline = keys.Type("PAGE_OFFLINE_MAPCOUNT_VALUE");
  const std::optional<PageType> buddy = keys.Type("PAGE_BUDDY_MAPCOUNT_VALUE");
  const std::optional<uint32_t> private_data = TRY(keys.Offset("page.private", layout.format.word_bytes()));
  const Result<uint64_t> orders = vmcoreinfo.Length("zone.free_area");
  if (buddy && private_data && orders.ok() && orders.value() != 0 && orders.value() <= kMaxFreeOrders) {
    layout.buddy = buddy;
    layout.private_data = *private_data;
    layout.free_orders = static_cast<uint32_t>(orders.value());
    layout.unaccepted = keys.Type("PAGE_UNACCEPTED_MAPCOUNT_VALUE");
  } else {
    layout.notes.emplace_back(
        "VMCOREINFO lacks one of NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE), OFFSET(page.private), LENGTH(zone.free_area): "
        "free pages are kept");
  }
  return {};
}

// What the second struct page of a compound page says.
Result<> ReadCompound(Keys& keys, StructPageLayout& layout) {
  using OrderPlace = StructPageLayout::OrderPlace;
  using HugetlbMark = StructPageLayout::HugetlbMark;
  const std::optional<uint32_t> page_order = TRY(keys.Offset("page.compound_order", 1));
  const std::optional<uint32_t> folio_order = TRY(keys.Offset("folio._folio_order", 1, layout.bytes));
  const std::optional<uint32_t> page_destructor = TRY(keys.Offset("page.compound_dtor", 1));
  const std::optional<uint32_t> folio_destructor = TRY(keys.Offset("folio._folio_dtor", 1, layout.bytes));
  const std::optional<int64_t> hugetlb_destructor = keys.Number("HUGETLB_PAGE_DTOR");
  layout.hugetlb = keys.Type("PAGE_HUGETLB_MAPCOUNT_VALUE");
  layout.hugetlb_flag = keys.Flag("PG_hugetlb");

  if (const auto& offset = page_order ? page_order : folio_order) {
    layout.order_place = OrderPlace::kByte;
    layout.order_offset = *offset;
  } else if (layout.hugetlb || layout.hugetlb_flag != 0 || keys.IsAtLeast(6, 6)) {
    layout.order_place = OrderPlace::kLowFlagByte;
  } else {
    layout.notes.emplace_back("VMCOREINFO does not tell the order of compound pages: they are kept");
  }

  // A kernel without CONFIG_HUGETLB_PAGE has none of these keys, and no such pages.
  if (layout.hugetlb) {
    layout.hugetlb_mark = HugetlbMark::kType;
  } else if (layout.hugetlb_flag != 0) {
    layout.hugetlb_mark = HugetlbMark::kFlag;
  } else if (const auto& offset = page_destructor ? page_destructor : folio_destructor; offset && hugetlb_destructor) {
    layout.hugetlb_mark = HugetlbMark::kDestructor;
    layout.destructor_offset = *offset;
    layout.hugetlb_destructor = static_cast<uint8_t>(*hugetlb_destructor);
  }
  return {};
}

}  // namespace

Result<StructPageLayout> StructPageLayout::Read(const Vmcoreinfo& vmcoreinfo, TargetFormat format) {
  Keys keys(vmcoreinfo, format);
  StructPageLayout layout;
  layout.format = format;
  layout.bytes = TRY(keys.StructBytes());
  const uint32_t word = format.word_bytes();
  layout.flags = TRY(keys.RequiredOffset("page.flags", "", word));
  layout.refcount = TRY(keys.RequiredOffset("page._refcount", "page._count", sizeof(uint32_t)));
  layout.mapcount = TRY(keys.RequiredOffset("page._mapcount", "", sizeof(uint32_t)));
  layout.mapping = TRY(keys.RequiredOffset("page.mapping", "", word));
  layout.compound = TRY(keys.RequiredOffset("page.compound_head", "page.compound_info", word));
  ReadFlags(keys, layout);
  TRY(ReadTypes(keys, vmcoreinfo, layout));
  TRY(ReadCompound(keys, layout));
  return layout;
}

}  // namespace crashdump
