// SPDX-License-Identifier: GPL-2.0-or-later
// StructPageClassifier: the classes of pages from the crashed kernel's struct pages, as makedumpfile's levels mean
// them.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/vmcore/page_class.h"
#include "common/vmcore/struct_page_layout.h"
#include "common/vmcore/struct_page_reader.h"

namespace crashdump {

// What of a struct page matters, read once.
struct StructPage {
  uint64_t flags = 0, mapping = 0, private_data = 0, compound = 0;
  uint32_t mapcount = 0, refcount = 0;

  bool is_tail() const { return (compound & 1) != 0; }
};

class StructPageClassifier final : public PageClassifier {
 public:
  // Fails, saying why, if pages cannot be classified safely; the caller keeps them all then. What is borrowed must
  // outlive the classifier. Allocates all it needs.
  static Result<std::unique_ptr<PageClassifier>> Open(const KernelMemory& kernel, const PhysicalMemory& physical);

  void Classify(Range pfns, OpenBlock& open, std::span<PageClass> classes) override;
  const std::vector<std::string>& notes() const override { return layout_.notes; }
  std::vector<std::string> Remarks() const override;
  std::vector<std::string> Doubts(const PageCounts& counted) const override;

 private:
  // What a page begins: itself (1), or a block of so many pages.
  struct Verdict {
    PageClass page_class = PageClass::kUnclassified;
    uint64_t pages = 1;
    OpenBlock::Kind kind = OpenBlock::Kind::kNone;
  };
  // Blocks tell of themselves in their first page only. Those whose other pages say something else are counted, and
  // from there on each page is classified by itself.
  struct Statistics {
    uint64_t blocks = 0;
    uint64_t contradicted_blocks = 0;
    uint64_t unreadable_pages = 0;  // whose struct pages are
  };

  StructPageClassifier(StructPageLayout layout, StructPageReader reader, uint64_t page_bytes,
                       std::optional<uint64_t> kernel_free_pages);

  StructPage Load(Bytes page) const;
  void ClassifyWindow(uint64_t first_pfn, Bytes pages, OpenBlock& open, std::span<PageClass> classes);
  Verdict ClassifyFirst(uint64_t pfn, const StructPage& page, Bytes second_page);
  Verdict Block(uint64_t pfn, PageClass page_class, uint64_t order, OpenBlock::Kind kind);
  std::optional<uint64_t> CompoundOrder(Bytes second_page) const;
  bool IsPoisoned(const StructPage& page) const;
  bool IsSlab(const StructPage& page) const;
  bool IsHugetlb(const StructPage& page, Bytes second_page) const;
  bool IsCache(const StructPage& page) const;
  bool Continues(const OpenBlock& open, uint64_t pfn, const StructPage& page) const;

  StructPageLayout layout_;
  StructPageReader reader_;
  uint64_t vmemmap_page_bytes_;
  std::optional<uint64_t> kernel_free_pages_;  // by the kernel's own count
  bool is_native_;                             // the crashed machine's integers are like this one's, and words 64 bits
  Statistics statistics_;
};

}  // namespace crashdump
