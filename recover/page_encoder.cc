// SPDX-License-Identifier: GPL-2.0-or-later
#include "recover/page_encoder.h"

#include <zlib.h>

#include <bit>

#include "common/vmcore/zero_page.h"

namespace crashdump {
namespace {

// As makedumpfile: pages are small, and higher levels gain little on them.
constexpr int kLevel = 1;

// The window is never smaller than a page, and symbol buffer and hash table are as large as one page needs: zlib clears
// the table for each page.
constexpr int WindowBits(uint32_t page_bytes) { return std::min(15, static_cast<int>(std::bit_width(page_bytes))); }
constexpr int MemoryLevel(uint32_t page_bytes) { return page_bytes <= 8192 ? 6 : 8; }

}  // namespace

class PageEncoder::Deflater {
 public:
  Deflater() = default;
  ~Deflater() { (void)deflateEnd(&stream_); }
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;

  Result<> Initialize(uint32_t page_bytes) {
    const int status =
        deflateInit2(&stream_, kLevel, Z_DEFLATED, WindowBits(page_bytes), MemoryLevel(page_bytes), Z_DEFAULT_STRATEGY);
    if (status != Z_OK) return Error::Format(ErrorCode::kUnsupported, "zlib: error %d", status);
    return {};
  }

  // The bytes of the zlib stream, or nothing if it has no room in `out`.
  std::optional<size_t> Compress(Bytes page, MutableBytes out) {
    (void)deflateReset(&stream_);
    // zlib does not write to its input.
    stream_.next_in = const_cast<uint8_t*>(page.data());  // NOLINT(cppcoreguidelines-pro-type-const-cast)
    stream_.avail_in = static_cast<uInt>(page.size());
    stream_.next_out = out.data();
    stream_.avail_out = static_cast<uInt>(out.size());
    if (deflate(&stream_, Z_FINISH) != Z_STREAM_END) return std::nullopt;
    return out.size() - stream_.avail_out;
  }

 private:
  z_stream stream_{};
};

Result<PageEncoder> PageEncoder::Create(PageCompression compression, uint32_t page_bytes) {
  if (compression == PageCompression::kZstd) {
    FrameCompressor zstd = TRY(FrameCompressor::Create(kLevel, page_bytes));
    return PageEncoder(std::move(zstd), nullptr);
  }
  if (compression == PageCompression::kNone) return PageEncoder(std::nullopt, nullptr);
  auto zlib = std::make_shared<Deflater>();
  TRY(zlib->Initialize(page_bytes));
  return PageEncoder(std::nullopt, std::move(zlib));
}

Result<StoredPage> PageEncoder::Encode(Bytes page, MutableBytes out) {
  if (IsZeroPage(page)) return StoredPage{};
  std::optional<size_t> bytes;
  if (zstd_) {
    const Bytes frame = TRY(zstd_->Compress(page, out));
    bytes = frame.size();
  } else if (zlib_) {
    bytes = zlib_->Compress(page, out);
  }
  if (bytes && *bytes < page.size()) {
    return StoredPage{.storage = PageStorage::kCompressed, .bytes = static_cast<uint32_t>(*bytes)};
  }
  memcpy(out.data(), page.data(), page.size());
  return StoredPage{.storage = PageStorage::kRaw, .bytes = static_cast<uint32_t>(page.size())};
}

}  // namespace crashdump
