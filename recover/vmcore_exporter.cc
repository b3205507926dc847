// SPDX-License-Identifier: GPL-2.0-or-later
#include "recover/vmcore_exporter.h"

#include "recover/dump_repacker.h"
#include "recover/elf_exporter.h"
#include "recover/kdump_exporter.h"

namespace crashdump {
namespace {

template <typename Exporter>
Result<std::unique_ptr<VmcoreExporter>> OnHeap(Result<Exporter> made) {
  Exporter exporter = TRY(std::move(made));
  return std::unique_ptr<VmcoreExporter>(std::make_unique<Exporter>(std::move(exporter)));
}

}  // namespace

Result<std::unique_ptr<VmcoreExporter>> MakeExporter(VmcoreFormat format, DumpReader& reader, const DumpImage& image,
                                                     const EncodeOptions& options) {
  switch (format) {
    case VmcoreFormat::kElf:
      return OnHeap(ElfExporter::Create(image, options.threads));
    case VmcoreFormat::kCrashdump:
      return OnHeap(DumpRepacker::Create(reader, image));
    case VmcoreFormat::kKdump:
      break;
  }
  return OnHeap(KdumpExporter::Create(image, options));
}

}  // namespace crashdump
