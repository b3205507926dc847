// SPDX-License-Identifier: GPL-2.0-or-later
// WritePages: all pages of a dump in the order of their numbers, read and encoded by several threads and written by
// one.
#pragma once

#include <functional>
#include <span>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "recover/dump_image.h"
#include "recover/page_encoder.h"

namespace crashdump {

// Pages of consecutive ranks, some dozens to some thousands. `data` has what is stored of them, one after another.
struct PageBatch {
  uint64_t first_rank = 0;
  std::span<const StoredPage> pages;
  Bytes data;
};
using BatchWriter = std::function<Result<>(const PageBatch& batch)>;

struct EncodeOptions {
  PageCompression compression = PageCompression::kNone;
  unsigned threads = 1;  // 1 to kMaxEncodeThreads
};
inline constexpr unsigned kMaxEncodeThreads = 256;

// Calls `write` from this thread with batch after batch; the bytes are valid during the call. The batches and their
// order depend on the dump and the compression alone. An error of `write` ends it and is returned. kCorrupt if the dump
// is not what the image says (any more). Memory: about 2 MiB per thread.
Result<> WritePages(const DumpImage& image, const EncodeOptions& options, const BatchWriter& write,
                    const ExportProgress& progress);

}  // namespace crashdump
