// SPDX-License-Identifier: GPL-2.0-or-later
// PageEncoder: one page after another, each compressed for itself as the kdump-compressed format wants it.
#pragma once

#include <memory>
#include <optional>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/format/frame.h"
#include "common/vmcore/vmcore_format.h"

namespace crashdump {

enum class PageStorage : uint8_t {
  kZero,        // nothing is stored: all bytes are zero
  kRaw,         // as it is
  kCompressed,  // as the encoder's compression makes it
};

struct StoredPage {
  PageStorage storage = PageStorage::kZero;
  uint32_t bytes = 0;
};

// Not for several threads at once. The same page gives the same bytes, whatever was encoded before.
class PageEncoder {
 public:
  static Result<PageEncoder> Create(PageCompression compression, uint32_t page_bytes);

  // What the encoder may write for a page: more than is ever stored.
  static constexpr size_t OutputBytes(uint32_t page_bytes) { return page_bytes + page_bytes / 256 + 64; }

  // Puts what is to be stored of `page` at the front of `out`, which has OutputBytes(). A page that does not get
  // smaller is stored raw: for readers, a size of a whole page means just that.
  Result<StoredPage> Encode(Bytes page, MutableBytes out);

 private:
  class Deflater;

  PageEncoder(std::optional<FrameCompressor> zstd, std::shared_ptr<Deflater> zlib)
      : zstd_(std::move(zstd)), zlib_(std::move(zlib)) {}

  std::optional<FrameCompressor> zstd_;
  std::shared_ptr<Deflater> zlib_;
};

}  // namespace crashdump
