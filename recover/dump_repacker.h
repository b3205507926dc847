// SPDX-License-Identifier: GPL-2.0-or-later
// DumpRepacker: a dump as a file of our own format, without keys: what `crashdump show`, `messages` and `export` read.
// The compressed chunks are taken over as they are.
#pragma once

#include "recover/vmcore_exporter.h"

namespace crashdump {

class DumpRepacker final : public VmcoreExporter {
 public:
  // `reader` and `image`, which is the reader's, must outlive the repacker. kCorrupt if not even the sections can be
  // read any more.
  static Result<DumpRepacker> Create(DumpReader& reader, const DumpImage& image);

  VmcoreFormat format() const override { return VmcoreFormat::kCrashdump; }
  uint64_t ExpectedBytes() const override;
  Result<uint64_t> Write(ByteSink& sink, const ExportProgress& progress) const override;

 private:
  DumpRepacker(DumpReader& reader, const DumpImage& image) : reader_(&reader), image_(&image) {}

  DumpReader* reader_;
  const DumpImage* image_;
  uint64_t messages_bytes_ = 0;  // of the messages range
};

}  // namespace crashdump
