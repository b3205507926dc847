// SPDX-License-Identifier: GPL-2.0-or-later
#include "recover/export_progress.h"

namespace crashdump {

ExportProgress FirstTime(const DumpReader& reader, const ByteProgress& progress) {
  if (!progress || !reader.trailer()) return {};
  const DumpTrailer& trailer = *reader.trailer();
  const uint64_t pages = trailer.data_pages + trailer.zero_pages + trailer.unreadable_pages;
  const uint64_t page_bytes = reader.header().page_bytes;
  return [=](uint64_t done) { progress(done * page_bytes, 2 * pages * page_bytes); };
}

ExportProgress SecondTime(const DumpImage& image, const ByteProgress& progress) {
  if (!progress) return {};
  const uint64_t pages = image.page_count();
  const uint64_t page_bytes = image.page_bytes();
  return [=](uint64_t done) { progress((pages + done) * page_bytes, 2 * pages * page_bytes); };
}

}  // namespace crashdump
