#include "network/layer_registry.h"

#include <stdexcept>

#include "network/activation_layer.h"
#include "network/clip.h"
#include "network/columns.h"
#include "network/conv2d.h"
#include "network/dense.h"
#include "network/dropout.h"
#include "network/embedding.h"
#include "network/imputation.h"
#include "network/lambda.h"
#include "network/layer_norm.h"
#include "network/max_pool2d.h"
#include "network/one_hot.h"
#include "network/periodic_embeddings.h"
#include "network/piecewise_linear_embeddings.h"
#include "network/rescaling.h"
#include "network/residual.h"

namespace prelunet {
namespace {

template <class T>
constexpr LayerRow<T> kLayers[] = {
    {"dense", "Dense", Dense<T>::make},
    {"conv2d", "Conv2D", Conv2D<T>::make},
    {"max_pool2d", "MaxPool2D", MaxPool2D<T>::make},
    {"activation", "Activation", ActivationLayer<T>::make},
    {"prelu", "PReLU", ActivationLayer<T>::make},
    {"scale", "Scale", ActivationLayer<T>::make},
    {"parametric", "Parametric", ActivationLayer<T>::make},
    {"layer_norm", "LayerNorm", LayerNorm<T>::make},
    {"clip", "Clip", Clip<T>::make},
    {"dropout", "Dropout", Dropout<T>::make},
    {"flatten", "Flatten", nullptr},
    {"rescaling", "Rescaling", Rescaling<T>::make},
    {"imputation", "Imputation", Imputation<T>::make},
    {"one_hot", "OneHot", OneHot<T>::make},
    {"residual", "Residual", Residual<T>::make},
    {"columns", "Columns", Columns<T>::make},
    {"branch", "Columns", Branch<T>::make},
    {"embedding", "Embedding", Embedding<T>::make},
    {"periodic_embeddings", "PeriodicEmbeddings", PeriodicEmbeddings<T>::make},
    {"piecewise_linear_embeddings", "PiecewiseLinearEmbeddings", PiecewiseLinearEmbeddings<T>::make},
    {"lambda", "Lambda", Lambda<T>::make},
};

}  // namespace

template <class T>
const LayerRow<T>& find_layer(const std::string& type) {
  for (const LayerRow<T>& row : kLayers<T>) {
    if (type == row.type) return row;
  }
  throw std::invalid_argument("unknown layer type '" + type + "'");
}

template const LayerRow<float>& find_layer(const std::string&);
template const LayerRow<double>& find_layer(const std::string&);

}  // namespace prelunet
