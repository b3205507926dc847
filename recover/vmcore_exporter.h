// SPDX-License-Identifier: GPL-2.0-or-later
// VmcoreExporter: writes a dump's memory in a form that others read.
#pragma once

#include <memory>

#include "common/base/byte_sink.h"
#include "common/base/result.h"
#include "common/vmcore/vmcore_format.h"
#include "recover/dump_image.h"
#include "recover/page_pipeline.h"

namespace crashdump {

class VmcoreExporter {
 public:
  virtual ~VmcoreExporter() = default;

  virtual VmcoreFormat format() const = 0;

  // About what the file will take on a filesystem; where pages are compressed, that is known once it is written.
  virtual uint64_t ExpectedBytes() const = 0;

  // Writes into `sink`, which holds nothing yet; no byte twice. Returns the size that the file must get: what was not
  // written, up to there, is zeros. Does not flush. The same dump gives the same bytes, whatever the number of threads.
  // kCorrupt if the dump is not what it was when the image was read; after any error what was written is worthless.
  virtual Result<uint64_t> Write(ByteSink& sink, const ExportProgress& progress) const = 0;
};

// `options.compression` counts for kdump only. `reader` and `image` must outlive the exporter; `image` is that of
// `reader`.
Result<std::unique_ptr<VmcoreExporter>> MakeExporter(VmcoreFormat format, DumpReader& reader, const DumpImage& image,
                                                     const EncodeOptions& options);

}  // namespace crashdump
