// SPDX-License-Identifier: GPL-2.0-or-later
// KdumpExporter: a dump in makedumpfile's kdump-compressed format (docs/vmcore-formats.md), which crash, drgn,
// libkdumpfile and makedumpfile open.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "recover/dump_image.h"
#include "recover/vmcore_exporter.h"

namespace crashdump {

class SequentialWriter;

// Pages that the dump does not have, or that were unreadable, are clear in the second bitmap: readers call them
// excluded. If the dump is not complete, the header says so.
class KdumpExporter final : public VmcoreExporter {
 public:
  // `image` must outlive the exporter. kUnsupported for a machine that the format has no known layout for, or with more
  // memory than its bitmaps can reasonably cover.
  static Result<KdumpExporter> Create(const DumpImage& image, const EncodeOptions& options);

  VmcoreFormat format() const override { return VmcoreFormat::kKdump; }
  uint64_t ExpectedBytes() const override;
  Result<uint64_t> Write(ByteSink& sink, const ExportProgress& progress) const override;

 private:
  KdumpExporter(const DumpImage& image, const EncodeOptions& options) : image_(&image), options_(options) {}

  bool Is64Bit() const { return image_->format().word == WordSize::k64; }
  void LayOut();
  uint64_t PhysBase() const;
  // Everything before the page descriptors.
  template <typename Header, typename SubHeader>
  Result<> WriteHeaders(SequentialWriter& out) const;

  const DumpImage* image_;
  EncodeOptions options_;
  std::vector<Range> ram_;  // page frames of the machine's memory; ascending
  uint64_t max_pfn_ = 0;
  uint64_t sub_header_bytes_ = 0;
  uint64_t sub_header_blocks_ = 0;
  uint64_t bitmap_blocks_ = 0;  // of one
  uint64_t pages_offset_ = 0;   // of the page descriptors
  uint64_t data_offset_ = 0;    // of the page that all zero pages share; the others follow
};

}  // namespace crashdump
