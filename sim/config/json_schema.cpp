#include "sim/config/json_schema.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace perfwatt {
namespace {

using Json = nlohmann::ordered_json;

Json annotations() {
    Json result;
    result["source"] = {{"type", "string"}, {"description", "where it is published"}};
    result["estimated"] = {{"type", "string"}, {"description", "why it is what it is"}};
    result["fitted"] = {{"type", "string"}, {"description", "on which rows"}};
    return result;
}

/// A value, or a map of the value and where it comes from.
Json sourced(Json plain) {
    Json wrapped;
    wrapped["type"] = "object";
    wrapped["properties"]["value"] = plain;
    wrapped["properties"].update(annotations());
    wrapped["required"] = {"value"};
    wrapped["additionalProperties"] = false;
    Json result;
    result["anyOf"] = Json::array({std::move(plain), std::move(wrapped)});
    return result;
}

Json scalar_schema(const ScalarRule& rule) {
    Json result;
    switch (rule.kind) {
        case ScalarRule::Kind::count:
            result["type"] = "integer";
            result["minimum"] = rule.min_integer;
            result["maximum"] = rule.max_integer;
            break;
        case ScalarRule::Kind::ratio:
            result["type"] = "number";
            result["minimum"] = rule.min_real;
            result["maximum"] = rule.max_real;
            break;
        case ScalarRule::Kind::flag:
            result["type"] = "boolean";
            break;
        case ScalarRule::Kind::text:
            result["type"] = "string";
            result["minLength"] = 1;
            break;
        case ScalarRule::Kind::prose:
            result["type"] = "string";
            break;
        case ScalarRule::Kind::verbatim:
            result["type"] = {"string", "number", "boolean"};
            break;
        case ScalarRule::Kind::choice:
            for (const auto& [name, value] : rule.choices) result["enum"].push_back(name);
            break;
        case ScalarRule::Kind::quantity:
            result["type"] = "string";
            result["pattern"] = quantity_pattern(rule.dimension);
            break;
    }
    return result;
}

std::string description(const FieldRule& field) {
    const ConfigRule& rule = *field.rule;
    std::string text = field.doc;
    if (rule.shape == ConfigRule::Shape::scalar && rule.scalar.kind == ScalarRule::Kind::quantity)
        text += fmt::format(" ({} from {} to {})", noun(rule.scalar.dimension),
                            rule.scalar.min_text, rule.scalar.max_text);
    return text;
}

/// The default as a value of its type.
Json default_value(const FieldRule& field) {
    switch (field.rule->scalar.kind) {
        case ScalarRule::Kind::count:
        case ScalarRule::Kind::ratio:
        case ScalarRule::Kind::flag:
            return Json::parse(*field.otherwise);
        case ScalarRule::Kind::text:
        case ScalarRule::Kind::prose:
        case ScalarRule::Kind::verbatim:
        case ScalarRule::Kind::choice:
        case ScalarRule::Kind::quantity:
            break;
    }
    return *field.otherwise;
}

/// `partial`: of a file that extends another, where any key may be the parent's.
Json schema_of(const ConfigRule& rule, bool partial);

Json map_schema(const ConfigRule& rule, bool partial) {
    Json result;
    result["type"] = "object";
    result["title"] = rule.name;
    result["properties"] = annotations();
    Json required = Json::array();
    for (const FieldRule& field : rule.fields) {
        Json property = schema_of(*field.rule, partial);
        property["description"] = description(field);
        if (field.otherwise && !field.otherwise->empty())
            property["default"] = default_value(field);
        result["properties"][field.key] = std::move(property);
        if (field.required && !partial) required.push_back(field.key);
    }
    if (!required.empty()) result["required"] = std::move(required);
    result["additionalProperties"] = false;
    return result;
}

Json schema_of(const ConfigRule& rule, bool partial) {
    Json result;
    switch (rule.shape) {
        case ConfigRule::Shape::scalar:
            return sourced(scalar_schema(rule.scalar));
        case ConfigRule::Shape::map:
            return map_schema(rule, partial);
        case ConfigRule::Shape::raw:
            return Json::object();
        case ConfigRule::Shape::list:
            result["type"] = "array";
            result["minItems"] = rule.min_size;
            result["maxItems"] = rule.max_size;
            // Lists replace those of a parent, so that their elements are always whole.
            result["items"] = schema_of(*rule.element, false);
            return sourced(std::move(result));
        case ConfigRule::Shape::free_map:
            result["type"] = "object";
            result["properties"] = annotations();
            result["propertyNames"]["pattern"] = "^[A-Za-z_][A-Za-z0-9_.-]*$";
            result["additionalProperties"] = schema_of(*rule.element, partial);
            if (!partial && rule.min_size > 0) result["minProperties"] = rule.min_size;
            return result;
    }
    return result;
}

Json document_schema(ConfigKind kind, const ConfigRule& rule, bool partial) {
    Json result = map_schema(rule, partial);
    result["properties"]["schema"] = {{"const", schema_line(kind)}};
    result["properties"]["extends"] = {{"type", "string"}, {"minLength", 1}};
    result["required"].push_back("schema");
    return result;
}

}  // namespace

nlohmann::ordered_json json_schema(ConfigKind kind, const ConfigRule& rule) {
    Json result;
    result["$schema"] = "http://json-schema.org/draft-07/schema#";
    result["title"] = schema_line(kind);
    result["type"] = "object";
    result["if"]["required"] = {"extends"};
    result["then"] = document_schema(kind, rule, true);
    result["else"] = document_schema(kind, rule, false);
    return result;
}

nlohmann::ordered_json json_schema_of(const ConfigRule& rule) { return schema_of(rule, false); }

}  // namespace perfwatt
