// SPDX-License-Identifier: GPL-2.0-or-later
// DumpSource, RegionDumps: what recover learns from a disk that anybody may have written to. Collector and Publisher
// know no more of it than this, so that everything that interprets the disk's bytes can run in a child without
// privileges (sandboxed_dumps.h), or in this process, for tests (local_dumps.h).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "common/base/byte_sink.h"
#include "common/base/byte_source.h"
#include "common/base/result.h"
#include "common/format/dump_reader.h"
#include "common/format/key_policy.h"
#include "common/storage/device_identity.h"
#include "common/vmcore/vmcore_format.h"
#include "recover/export_progress.h"
#include "recover/page_pipeline.h"

namespace crashdump {

// In which form the memory is published.
struct PublishOptions {
  VmcoreFormat format = VmcoreFormat::kKdump;
  EncodeOptions encode = {.compression = kDefaultPageCompression, .threads = 1};
  ByteProgress progress;  // of each dump anew
};

// What one look at all of a dump has found.
struct DumpSurvey {
  DumpState state = DumpState::kTorn;
  std::string reason;  // empty if complete
  bool read_error = false;
  uint64_t data_pages = 0, zero_pages = 0, unreadable_pages = 0;
  std::string messages;  // as they are in the dump
  std::string machine_facts, summary;
  // Of the memory's file; if there are no pages nothing.
  VmcoreFormat format = VmcoreFormat::kCrashdump;
  uint64_t expected_bytes = 0;

  uint64_t page_count() const { return data_pages + zero_pages; }
};

class DumpSource {
 public:
  virtual ~DumpSource() = default;
  virtual const DumpHeader& header() const = 0;
  // Reads and verifies everything. Once, and before WriteVmcore().
  virtual Result<DumpSurvey> Survey() = 0;
  // When Survey() has failed: the texts alone, of a dump that counts as torn and without pages.
  virtual Result<DumpSurvey> SurveyTexts() = 0;
  // Of a dump with pages, once; as VmcoreExporter::Write(). After an error of the sink the source is of no more use.
  virtual Result<uint64_t> WriteVmcore(ByteSink& sink) = 0;
};

// The dumps of one key record in one region. As InspectAttempts() and DumpReader::Open().
class RegionDumps {
 public:
  virtual ~RegionDumps() = default;
  // Fails only if it could not be asked.
  virtual Result<AttemptStates> Inspect() = 0;
  virtual Result<std::unique_ptr<DumpSource>> Open(uint32_t attempt) = 0;
};

// A device that may hold regions, open for reading.
struct RecoverDevice {
  DeviceIdentity identity;
  std::unique_ptr<ByteSource> source;
  int descriptor = -1;  // what `source` reads from, if it is a file
};

// `region` is a part of the device. All three must outlive what is made.
using MakeRegionDumps = std::function<std::unique_ptr<RegionDumps>(const RecoverDevice& device,
                                                                   const ByteSource& region, const KeyRecord& record)>;

}  // namespace crashdump
