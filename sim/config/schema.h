#pragma once

#include <type_traits>

#include "sim/config/value_schema.h"

namespace perfwatt {

/// The keys a map may have, each declared once: reading, errors, defaults, `show --resolved` and
/// the JSON Schema are made from this table.
///
///   MapSchema<MatrixSpec> matrix_schema() {
///       return MapSchema<MatrixSpec>("matrix")
///           .count("rows", &MatrixSpec::rows, {.max = 65536}, "rows of multipliers")
///           .frequency("clock", &MatrixSpec::clock, {.max = "10 GHz"}, "of the array");
///   }
///   const MatrixSpec spec = matrix_schema().read(document.root(), reading);
///   reading.finish();  // throws every mistake
///
/// Every map also accepts `source`, `estimated` or `fitted`, which hold for its plain values.
template <class T>
class MapSchema {
  public:
    explicit MapSchema(std::string name) {
        rule_.shape = ConfigRule::Shape::map;
        rule_.name = std::move(name);
    }

    /// A bare whole number.
    template <class M>
    MapSchema& count(std::string key, M T::*member, CountLimits limits, std::string doc) {
        return scalar(std::move(key), member, detail::count_rule(limits.min, limits.max),
                      detail::default_text(limits.otherwise), std::move(doc));
    }
    /// A bare number without dimension.
    template <class M>
    MapSchema& ratio(std::string key, M T::*member, RatioLimits limits, std::string doc) {
        return scalar(std::move(key), member, detail::ratio_rule(limits.min, limits.max),
                      detail::default_text(limits.otherwise), std::move(doc));
    }
    /// true or false.
    template <class M>
    MapSchema& flag(std::string key, M T::*member, std::optional<bool> otherwise, std::string doc) {
        return scalar(std::move(key), member, detail::flag_rule(), detail::default_text(otherwise),
                      std::move(doc));
    }
    /// A name or other text that means something.
    template <class M>
    MapSchema& text(std::string key, M T::*member, TextDefault text, std::string doc) {
        return scalar(std::move(key), member, detail::text_rule(), text.otherwise, std::move(doc));
    }
    /// Words for people, optional: they change no result, so they are not part of the hash.
    template <class M>
    MapSchema& prose(std::string key, M T::*member, std::string doc) {
        return scalar(std::move(key), member, detail::prose_rule(), "", std::move(doc));
    }
    /// One of some names: {.names = {{"a", E::a}, {"b", E::b}}, .otherwise = E::a}.
    template <class M>
    MapSchema& choice(std::string key, M T::*member, ChoiceOf<detail::bare_t<M>> choice,
                      std::string doc) {
        return scalar(std::move(key), member, detail::choice_rule(choice.names),
                      detail::choice_default(choice.names, choice.otherwise), std::move(doc));
    }
    template <class M>
    MapSchema& data_type(std::string key, M T::*member, std::optional<DataType> otherwise,
                         std::string doc) {
        return scalar(std::move(key), member, detail::data_type_rule(),
                      detail::data_type_default(otherwise), std::move(doc));
    }
    /// A number with a unit; the member's type: see Dimension.
    template <class M>
    MapSchema& quantity(Dimension dimension, std::string key, M T::*member,
                        const QuantityLimits& limits, std::string doc) {
        return scalar(std::move(key), member,
                      detail::quantity_rule(dimension, limits.min, limits.max), limits.otherwise,
                      std::move(doc));
    }
#define PERFWATT_QUANTITY_FIELD(NAME, KEPT_AS_REAL)                                       \
    template <class M>                                                                    \
    MapSchema& NAME(std::string key, M T::*member, const QuantityLimits& limits,          \
                    std::string doc) {                                                    \
        static_assert(!(KEPT_AS_REAL && std::is_integral_v<detail::bare_t<M>>));          \
        return quantity(Dimension::NAME, std::move(key), member, limits, std::move(doc)); \
    }
    PERFWATT_QUANTITY_FIELD(bytes, false)
    PERFWATT_QUANTITY_FIELD(frequency, false)
    PERFWATT_QUANTITY_FIELD(time, false)
    PERFWATT_QUANTITY_FIELD(time_or_clocks, false)
    PERFWATT_QUANTITY_FIELD(bandwidth, false)
    PERFWATT_QUANTITY_FIELD(transfers, false)
    PERFWATT_QUANTITY_FIELD(operations, false)
    PERFWATT_QUANTITY_FIELD(energy, true)
    PERFWATT_QUANTITY_FIELD(energy_per_bit, true)
    PERFWATT_QUANTITY_FIELD(power, true)
    PERFWATT_QUANTITY_FIELD(voltage, true)
    PERFWATT_QUANTITY_FIELD(current, true)
    PERFWATT_QUANTITY_FIELD(length, true)
    PERFWATT_QUANTITY_FIELD(area, true)
    PERFWATT_QUANTITY_FIELD(temperature, true)
#undef PERFWATT_QUANTITY_FIELD

    /// Anything: a nested map, list_of(...), map_of(...).
    template <class M, class V>
    MapSchema& field(std::string key, M T::*member, const ValueSchema<V>& schema, Presence presence,
                     std::string doc) {
        static_assert(std::is_same_v<V, detail::unwrapped_t<M>>, "schema and member disagree");
        FieldRule field;
        field.key = std::move(key);
        field.doc = std::move(doc);
        field.rule = schema.rule;
        field.member = detail::member_of(member);
        field.required = presence == Presence::required && !detail::is_optional_v<M>;
        field.defaults = presence == Presence::optional && !detail::is_optional_v<M>;
        rule_.fields.push_back(std::move(field));
        return *this;
    }
    template <class M>
    MapSchema& map(std::string key, M T::*member, const MapSchema<detail::unwrapped_t<M>>& schema,
                   Presence presence, std::string doc) {
        return field(std::move(key), member, schema.value(), presence, std::move(doc));
    }
    /// A list of maps.
    template <class V>
    MapSchema& maps(std::string key, std::vector<V> T::*member,
                    const std::type_identity_t<MapSchema<V>>& schema, SizeLimits size,
                    std::string doc) {
        return field(std::move(key), member, list_of(schema.value(), size),
                     size.min > 0 ? Presence::required : Presence::optional, std::move(doc));
    }
    /// A value left unread, whatever it is: the caller must read it, or refuse it.
    MapSchema& raw(std::string key, const ConfigNode* T::*member, Presence presence,
                   std::string doc) {
        FieldRule field;
        field.key = std::move(key);
        field.doc = std::move(doc);
        field.rule = detail::raw_rule();
        field.member = detail::member_of(member);
        field.required = presence == Presence::required;
        rule_.fields.push_back(std::move(field));
        return *this;
    }
    /// A rule between fields, run when all of them are well: `check.error("key", message, hint)`.
    template <class F>
    MapSchema& check(F between) {
        rule_.checks.push_back([between](const void* object, const MapCheck& check) {
            between(*static_cast<const T*>(object), check);
        });
        return *this;
    }

    /// Reads a map; mistakes go to `reading`, and what was read in spite of them is returned.
    [[nodiscard]] T read(const ConfigNode& node, Reading& reading,
                         const std::string& path = {}) const {
        T object{};
        read_node(rule_, &object, node, reading, path);
        return object;
    }
    [[nodiscard]] ValueSchema<T> value() const {
        return {std::make_shared<const ConfigRule>(rule_)};
    }
    [[nodiscard]] const ConfigRule& rule() const { return rule_; }

  private:
    template <class M>
    MapSchema& scalar(std::string key, M T::*member, ScalarRule scalar_rule,
                      std::optional<std::string> otherwise, std::string doc) {
        FieldRule field;
        field.key = std::move(key);
        field.doc = std::move(doc);
        field.rule = detail::scalar_rule<detail::unwrapped_t<M>>(std::move(scalar_rule));
        field.member = detail::member_of(member);
        field.required = !otherwise && !detail::is_optional_v<M>;
        field.otherwise = std::move(otherwise);
        rule_.fields.push_back(std::move(field));
        return *this;
    }

    ConfigRule rule_;
};

}  // namespace perfwatt
