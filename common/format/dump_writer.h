// SPDX-License-Identifier: GPL-2.0-or-later
// DumpWriter: writes one dump, in the order that makes it safe at every moment. Used by capture on the region of a disk
// and by `crashdump save` on a file. One thread at a time.
//
//   Create -> WriteHeader -> AppendSection (messages range) -> FlushMessages: the messages are safe
//          -> AppendSection(kElfNotes) -> AppendChunk ... -> Finish
#pragma once

#include <memory>
#include <string_view>

#include "common/base/byte_sink.h"
#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/format/chunk.h"
#include "common/format/dump_credentials.h"
#include "common/format/dump_layout.h"

namespace crashdump {

struct DumpParameters {
  DumpLayout layout;
  DumpId attempt_id{};
  uint32_t attempt = 1;
  uint32_t page_bytes = 4096;
  uint64_t crash_time = 0;  // seconds since 1970, 0 if unknown
};

struct DumpSection {
  ObjectType type{};
  Bytes contents;
};

// What has been accepted up to now.
struct DumpCounters {
  uint64_t objects = 0;
  uint64_t chunks = 0;
  uint64_t data_pages = 0;
  uint64_t zero_pages = 0;
  uint64_t unreadable_pages = 0;
  uint64_t stored_bytes = 0;  // bytes of all objects, without padding
};

class DumpWriter {
 public:
  // Allocates all memory that will be needed; writes nothing. `sink` must outlive the writer; the credentials are
  // copied. kCorrupt for a layout that cannot be.
  static Result<DumpWriter> Create(ByteSink& sink, const DumpCredentials& credentials,
                                   const DumpParameters& parameters);

  // For files: the bytes of messages range that AppendSection() of exactly these sections in this order needs, rounded
  // up to kDiskUnit. Compresses them once to know.
  static Result<uint64_t> MeasureMessages(std::span<const DumpSection> sections);

  DumpWriter(DumpWriter&&) noexcept;
  DumpWriter& operator=(DumpWriter&&) noexcept;
  ~DumpWriter();

  // Writes the header block. Not flushed on its own.
  Result<> WriteHeader();

  // kMachineFacts, kVmcoreinfo and kMessages before FlushMessages(), kElfNotes between it and the first chunk. A type
  // may be appended several times: its contents are what the pieces give together. Empty contents write nothing.
  // kNoSpace if it does not fit: then nothing of it was accepted, and the dump can go on without it.
  Result<> AppendSection(ObjectType type, Bytes contents);

  // How many bytes at the front of `log` must go, so that the rest fits as kMessages into what is left of the messages
  // range when `set_aside` bytes of it are kept for sections yet to come. What is dropped ends behind a newline where
  // there is one. 0: all of it fits.
  Result<uint64_t> MessagesToDrop(Bytes log, uint64_t set_aside);

  // Writes what was appended and flushes the sink. After success the messages survive whatever comes.
  Result<> FlushMessages();

  // Appends a chunk; index segments follow by themselves. kNoSpace once the data range is full: the chunk was not
  // accepted, Finish() still works, because the space that it needs is set aside.
  Result<> AppendChunk(const CompressedChunk& chunk);

  // Ends the dump: index, summary (text, cut to kSummaryMaxBytes; left out if there is no room), flush, trailer, flush.
  // In a dump without data range the summary goes behind the messages. kComplete becomes kReadErrors if pages were
  // unreadable. After a failed sink only a trailer with kWriteError is tried: Finish() itself may be called once more
  // for that, if the sink failed in it before the trailer. Nothing else may be called after it.
  Result<> Finish(DumpResult result, std::string_view summary);

  const DumpCounters& counters() const;

  // The size of the data range, a little of which is for other things than pages; 2^63 and more in a file.
  uint64_t data_bytes() const;

  // After an error of the sink every call but Finish() fails with kRefused and writes nothing.
  bool sink_failed() const;

 private:
  struct State;
  explicit DumpWriter(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace crashdump
