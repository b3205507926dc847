// SPDX-License-Identifier: GPL-2.0-or-later
// The payloads of header and trailer, checked and taken apart. Internal to common/format.
#pragma once

#include "common/base/result.h"
#include "common/format/dump_reader.h"
#include "common/format/object.h"

namespace crashdump {

// kCorrupt if the object, though authentic, is not a header, or states something impossible.
Result<DumpHeader> ParseHeader(const OpenedObject& object, KeyKind kind);

// What a header holds for this kind of keys: HeaderPayload, and for kSealed the sealed key behind it.
constexpr size_t HeaderPayloadBytes(KeyKind kind) {
  return sizeof(HeaderPayload) + (kind == KeyKind::kSealed ? sizeof(SealedKey) : 0);
}

// kCorrupt if it is not a trailer of a dump in these places.
Result<DumpTrailer> ParseTrailer(const OpenedObject& object, const DumpLayout& layout);

}  // namespace crashdump
